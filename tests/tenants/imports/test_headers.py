"""What the columns of files from elsewhere hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.tenants.contacts.rules import FieldKind, key_refusal
from posthouse.tenants.imports.headers import guess_columns, looks_like_header

PRODUCTS = [
    (
        "Email Address,First Name,Last Name,Address,Phone Number,Birthday,MEMBER_RATING,OPTIN_TIME,LEID",
        "email,first_name,last_name,street,phone,birthday,ignore,ignore,ignore",
    ),
    ("EMAIL,FNAME,LNAME,STATUS,SOURCE,IP_ADDRESS,DATE_ADDED", "email,first_name,last_name,status,ignore,ignore,ignore"),
    ("Name,Email,Status", "name,email,status"),
    ("E-Mail-Adresse,Vorname,Nachname,Straße,PLZ,Ort,Geburtstag", "email,first_name,last_name,street,postcode,city,birthday"),
    ("Adresse e-mail,Prénom,Nom,Société,Code postal,Pays", "email,first_name,last_name,company,postcode,country"),
    ("Correo electrónico,Nombre,Apellidos,País", "email,first_name,last_name,country"),
    ("Indirizzo email,Nome,Cognome,Città", "email,first_name,last_name,city"),
    ("E-mailadres,Voornaam,Achternaam,Woonplaats", "email,first_name,last_name,city"),
    ("電子メール,メールアドレス,姓,名", "ignore,email,last_name,first_name"),
    ("Электронная почта,Имя,Фамилия", "email,first_name,last_name"),
    ("emailAddress,firstName,lastName,favouriteColour", "email,first_name,last_name,favouritecolour"),
    ("Contact: Email,Loyalty Points,tenant_id", "email,loyalty_points,ignore"),
]


@pytest.mark.parametrize(("header", "targets"), PRODUCTS)
def test_exports_of_other_products(header, targets):
    """The columns of the usual exports find their fields."""
    names = header.split(",")
    position = targets.split(",").index("email")
    row = ["x"] * len(names)
    row[position] = "a@b.com"
    assert looks_like_header([names, row])
    columns = guess_columns([names, row], header=True)
    assert [column.target for column in columns] == targets.split(",")


def test_headerless():
    """Without a header the column of addresses is found by what is in it."""
    rows = [["1", "Ann", "a@b.com"], ["2", "Bob", "c@d.com"]]
    assert not looks_like_header(rows)
    assert [column.target for column in guess_columns(rows, header=False)] == ["ignore", "ignore", "email"]
    assert guess_columns(rows, header=False)[0].name == "Column 1"


def test_two_address_columns():
    """Of two columns with fitting names the one that holds addresses is chosen; the other is left out."""
    rows = [["Email", "E-Mail"], ["yes", "a@b.com"], ["no", "c@d.com"]]
    assert [column.target for column in guess_columns(rows, header=True)] == ["ignore", "email"]


def test_known_fields_win():
    """A tenant's own field takes the column of its name."""
    rows = [["email", "City"], ["a@b.com", "Rome"]]
    assert guess_columns(rows, header=True, known_keys=["city"])[1].target == "city"


def test_kinds():
    """Some names tell the kind of field too."""
    assert guess_columns([["email", "Geburtstag"], ["a@b.com", "1.1.2000"]], header=True)[1].kind is FieldKind.DATE


def test_row_37_columns_of_the_system_are_left_out():
    """A column called like one of the system's is never guessed into it."""
    columns = guess_columns(
        [["email", "tenant_id", "reseller_id", "email_norm", "created_at"], ["a@b.com", "1", "2", "3", "4"]], header=True
    )
    assert [column.target for column in columns[1:]] == ["ignore"] * 4


@given(st.lists(st.lists(st.text(max_size=20), max_size=6), max_size=6), st.booleans())
def test_never_raises_and_targets_are_single(rows, header):
    """Any cells get one target a column, none twice but ignore, and every new key may be a field's key."""
    looks_like_header(rows)
    targets = [column.target for column in guess_columns(rows, header=header) if column.target != "ignore"]
    assert len(targets) == len(set(targets))
    assert all(key_refusal(target) is None for target in targets if target not in {"email", "status"})
