"""Say whether a file's first row names its columns, and what each column seems to hold.

The names are those by which other products and people of many languages export their lists.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from posthouse.tenants.contacts import addresses
from posthouse.tenants.contacts.rules import KEY_SHAPE, RESERVED_KEYS, FieldKind
from posthouse.tenants.imports.formulas import unguard

EMAIL, STATUS, IGNORE = "email", "status", "ignore"
MIN_SHARE_OF_ADDRESSES = 0.5  # of the filled cells of a column without a telling name

NAMES: dict[str, str] = {
    EMAIL: (
        "email, e mail, email address, emailaddress, e mail address, mail, mail address, email 1, primary email, email id, contact email, subscriber email, user email, "
        "person email, work email, email work, e mail adresse, emailadresse, mailadresse, mail adresse, epost, e post, epostadresse, e postadresse, e mailadres, emailadres, "
        "adresse e mail, adresse email, adresse mail, adresse electronique, courriel, adresse courriel, mel, correo, correo electronico, direccion de correo, "
        "direccion de correo electronico, direccion de email, indirizzo email, indirizzo e mail, posta elettronica, indirizzo di posta elettronica, endereco de email, "
        "endereco de e mail, correio eletronico, adres email, adres e mail, e mailova adresa, emailova adresa, sahkoposti, sahkopostiosoite, e posta, e posta adresi, eposta, "
        "email cim, e mail cim, adresa de email, адрес электронной почты, электронная почта, эл почта, имейл, почта, メール, メールアドレス, 电子邮件, 邮箱, 电子邮箱, 이메일, "
        "אימייל, البريد الالكتروني"
    ),
    "first_name": (
        "first name, firstname, fname, first, given name, givenname, forename, vorname, rufname, prenom, prénom, nombre, nombre de pila, primer nombre, nome, primeiro nome, nome proprio, "
        "voornaam, fornavn, fornamn, etunimi, imie, jmeno, krestni jmeno, keresztnev, prenume, ad, adi, isim, имя, 名, 名前, 이름"
    ),
    "last_name": (
        "last name, lastname, lname, last, surname, family name, familyname, nachname, familienname, zuname, nom, nom de famille, apellido, apellidos, cognome, sobrenome, apelido, "
        "achternaam, efternavn, etternavn, efternamn, sukunimi, nazwisko, prijmeni, vezeteknev, nume, soyad, soyadi, фамилия, 姓, 성"
    ),
    "name": "name, full name, fullname, display name, contact name, vollstandiger name, ganzer name, nom complet, nombre completo, nome completo, volledige naam, naam, navn, namn, фио, 氏名",
    "salutation": "salutation, anrede, title, civilite, tratamiento, titolo, aanhef, tilltal, prefix, honorific",
    "company": "company, company name, organization, organisation, firma, unternehmen, firmenname, societe, entreprise, empresa, azienda, societa, bedrijf, bedrijfsnaam, foretag, virksomhed, yritys, компания, 会社名",
    "phone": "phone, phone number, telephone, mobile, mobile phone, cell, tel, telefon, telefonnummer, handy, mobil, telefono, telefone, telefoon, telefoonnummer, puhelin, portable, sms, телефон, 電話番号",
    "city": "city, town, stadt, ort, wohnort, ville, ciudad, citta, cidade, plaats, woonplaats, stad, by, kaupunki, miasto, mesto, город",
    "postcode": "postcode, postal code, zip, zip code, zipcode, plz, postleitzahl, code postal, codigo postal, cap, cep, postnummer, postinumero, kod pocztowy, индекс",
    "country": "country, land, pays, pais, paese, maa, kraj, zeme, страна, country code",
    "street": "street, address, street address, address 1, strasse, straße, anschrift, adresse, rue, calle, direccion, indirizzo, rua, endereco, straat, gatuadress",
    "language": "language, locale, lang, sprache, langue, idioma, lingua, taal, sprak, sprog, kieli, язык",
    "birthday": "birthday, birth date, birthdate, date of birth, dob, geburtstag, geburtsdatum, date de naissance, anniversaire, fecha de nacimiento, cumpleanos, data di nascita, data de nascimento, geboortedatum, fodelsedag, fodselsdag, дата рождения",
    "website": "website, web site, url, homepage, webseite, site web, sitio web, sito web",
    STATUS: "status, subscription status, subscriber status, email status, marketing status, state, statut, estado, stato, abonnementstatus, subscribed, email marketing status",
    IGNORE: (
        "optin time, optin ip, confirm time, confirm ip, latitude, longitude, gmtoff, dstoff, timezone, cc, region, last changed, leid, euid, notes, member rating, "
        "subscriber uid, uuid, uid, id, tenant id, ip address, ip, source, date added, added, created at, updated at, join date, signup date, last activity, "
        "last open, last opened, last clicked, refused row, refusal code, refused because"
    ),
}  # fmt: skip
_KINDS = {"birthday": FieldKind.DATE, "website": FieldKind.URL}


def fold(name: str) -> str:
    """Bring a column's name into the form in which names are compared: small letters without accents, words parted by one blank."""
    plain = unicodedata.normalize("NFKD", name.casefold().strip())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = re.sub(r"^(contact|subscriber|merge|custom field)s?[.:/]", "", plain)
    return re.sub(r"[\W_]+", " ", plain).strip()


_TARGETS = {fold(name): target for target, names in NAMES.items() for name in names.split(",")}


@dataclass(frozen=True, slots=True)
class Column:
    """One column as guessed. `target` is email, status, ignore or a field's key; `kind` is what sort of field it would be."""

    position: int
    name: str
    target: str
    kind: FieldKind = FieldKind.TEXT


def looks_like_header(rows: Sequence[Sequence[str]]) -> bool:
    """Say whether the first row names columns: none of its cells is an address, and it has a known name or addresses below it."""
    if not rows or any(_is_address(cell) for cell in rows[0]):
        return False
    if any(fold(cell) in _TARGETS for cell in rows[0]):
        return True
    return any(_is_address(cell) for row in rows[1:] for cell in row)


def guess_columns(rows: Sequence[Sequence[str]], *, header: bool, known_keys: Sequence[str] = ()) -> tuple[Column, ...]:
    """Guess what each column holds from its name and its first values; exactly one column, or none, is the address.

    A header says how many columns there are: a row with more has a separator where none should be.
    """
    names = list(rows[0]) if header and rows else [""] * max((len(row) for row in rows), default=0)
    values = rows[1:] if header else rows
    targets = [_guess_target(name, known_keys) for name in names]
    address = _address_column(targets, values)
    taken: set[str] = set()
    columns = []
    for position, (name, guessed) in enumerate(zip(names, targets, strict=True)):
        target = EMAIL if position == address else IGNORE if guessed == EMAIL or guessed in taken else guessed
        taken |= {target} - {IGNORE}
        columns.append(Column(position, name.strip() or f"Column {position + 1}", target, _KINDS.get(target, FieldKind.TEXT)))
    return tuple(columns)


def _guess_target(name: str, known_keys: Sequence[str]) -> str:
    folded = fold(unguard(name))
    key = folded.replace(" ", "_")
    if key in known_keys:
        return key
    if folded in _TARGETS:
        return _TARGETS[folded]
    words = _words_apart(name)
    if words in _TARGETS:
        return _TARGETS[words]
    if KEY_SHAPE.fullmatch(key) and key not in RESERVED_KEYS:
        return key
    return IGNORE


def _words_apart(name: str) -> str:
    """Read EmailAddress as email address."""
    return fold(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))


def _address_column(targets: Sequence[str], values: Sequence[Sequence[str]]) -> int | None:
    """Choose the address's column: the named one whose cells are addresses most often, else any whose cells mostly are."""
    if not targets:
        return None
    shares = [_share_of_addresses(position, values) for position in range(len(targets))]
    named = [position for position, target in enumerate(targets) if target == EMAIL]
    if named:
        return max(named, key=lambda position: (shares[position], -position))
    best = max(range(len(targets)), key=lambda position: (shares[position], -position))
    return best if shares[best] >= MIN_SHARE_OF_ADDRESSES else None


def _share_of_addresses(position: int, values: Sequence[Sequence[str]]) -> float:
    cells = [row[position] for row in values if len(row) > position and row[position].strip()]
    return sum(_is_address(cell) for cell in cells) / len(cells) if cells else 0.0


def _is_address(cell: str) -> bool:
    return isinstance(addresses.parse(cell, allow_reserved=True), addresses.Address)
