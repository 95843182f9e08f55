"""A file is kept, looked at, mapped and imported; what is wrong is refused before anything changes."""

import io
import stat

import pytest

from posthouse.platform.db import transaction
from posthouse.platform.errors import Conflict, Forbidden, Invalid, Missing
from posthouse.platform.runner import run_due
from posthouse.tenants.contacts import fields
from posthouse.tenants.contacts import queries as contacts
from posthouse.tenants.contacts.rules import DateOrder, FieldKind
from posthouse.tenants.imports import files, queries, reader, services
from posthouse.tenants.imports.preview import Wishes
from posthouse.tenants.lists import services as lists

FILE = "E-Mail;Vorname;Geburtstag;Notiz\r\nann@company.com;Änn;1.2.1990;x\r\nbob@company.com;Bob;;y\r\n".encode("cp1252")


@pytest.fixture
def news(world):
    """A list of tenant a1."""
    with transaction(world.a1.scope):
        return lists.create_list(world.a1.scope, name="News")


def upload(scope, data=FILE, *, name="kunden.csv", list_id=None, wishes=None):
    with transaction(scope):
        return services.upload(scope, file=io.BytesIO(data), file_name=name, list_id=list_id, wishes=wishes)


def kept(settings):
    return [path for path in (settings.data / "imports").rglob("*") if path.is_file()]


def test_whole_way(world, news, settings):
    """A file as people have it becomes contacts with typed fields, and is deleted when it is done."""
    scope = world.a1.scope
    card = upload(scope, list_id=news.id)
    assert (card.state, card.encoding, card.delimiter, card.header, card.rows_done) == ("previewed", "cp1252", ";", True, 0)
    assert [column.target for column in card.columns] == ["email", "first_name", "birthday", "notiz"]
    with transaction(scope):
        assert [row.cells[1] for row in queries.preview(scope, card.id).rows] == ["Änn", "Bob"]
        started = services.start(scope, import_id=card.id, targets=["email", "first_name", "birthday", "ignore"])
        assert (started.state, started.percent) == ("running", 0)
    run_due()
    with transaction(scope):
        done = queries.get_import(scope, card.id)
        assert (done.state, done.percent, done.rows_done, done.imported, done.subscribed) == ("done", 100, 2, 2, 2)
        ann = contacts.find_contact(scope, email="ann@company.com")
        assert dict(ann.fields) == {"first_name": "Änn", "birthday": "1990-02-01"}
        assert ann.source == "import"
        assert [(field.key, field.kind, field.label) for field in contacts.list_fields(scope)] == [
            ("first_name", "text", "Vorname"),
            ("birthday", "date", "Geburtstag"),
        ]
        assert [one.id for one in queries.list_imports(scope)] == [card.id]
    assert kept(settings) == []


def test_files_have_random_names_in_the_tenants_folder(world, settings):
    """The name that a file came with names nothing on the machine; it is kept for people only."""
    card = upload(world.a1.scope, name="../../etc/pass\nwd.csv")
    (path,) = kept(settings)
    assert path.parent == settings.data / "imports" / str(world.a1.id)
    assert "pass" not in path.name
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert card.file_name == "passwd.csv"
    with pytest.raises(ValueError, match="letters and digits"):
        files.locate(world.a1.scope, "../x")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file_empty"),
        (b"PK\x03\x04xxxx", "file_is_spreadsheet"),
        (b"email,name\n", "file_without_rows"),
        (b"\x1f\x8bxxxxxxx", "file_is_packed"),
    ],
)
def test_unusable_files_are_not_kept(world, settings, data, code):
    """A file that can't be used is refused with the reason and leaves nothing behind."""
    with pytest.raises(Invalid) as refused:
        upload(world.a1.scope, data)
    assert (refused.value.code, kept(settings)) == (code, [])
    with transaction(world.a1.scope):
        assert queries.list_imports(world.a1.scope) == ()


def test_a_file_over_the_limit_stops_being_kept(world, settings, monkeypatch):
    """Of a file over the limit no byte stays, whatever size was declared."""
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 3 * 1024 * 1024)
    assert reader.MAX_FILE_BYTES == 200 * 1024 * 1024
    with pytest.raises(Invalid) as refused:
        upload(world.a1.scope, b"a@b.com\n" * 1_000_000)
    assert (refused.value.code, kept(settings)) == ("file_too_large", [])


@pytest.mark.parametrize(
    ("targets", "code"),
    [
        (["email", "tenant_id", "ignore", "ignore"], "field_key_reserved"),  # row 37
        (["email", "email_norm", "ignore", "ignore"], "field_key_reserved"),  # row 37
        (["ignore", "first_name", "ignore", "ignore"], "mapping_needs_one_address"),
        (["email", "email", "ignore", "ignore"], "mapping_needs_one_address"),
        (["email", "a", "a", "ignore"], "mapping_target_twice"),
        (["email"], "mapping_wrong_length"),
        (["email", "Bad Key", "ignore", "ignore"], "field_key_malformed"),
    ],
)
def test_row_37_wrong_mapping_starts_nothing(world, targets, code):
    """A mapping that can't be used is refused; no field is made and the import still waits."""
    scope = world.a1.scope
    card = upload(scope)
    with pytest.raises(Invalid) as refused, transaction(scope):
        services.start(scope, import_id=card.id, targets=targets)
    assert refused.value.code == code
    with transaction(scope):
        assert queries.get_import(scope, card.id).state == "previewed"
        assert contacts.list_fields(scope) == ()


def test_existing_fields_keep_their_kind(world):
    """A column that goes to a field is read by the field's kind; a new field is of the kind that is asked for."""
    scope = world.a1.scope
    with transaction(scope):
        fields.create_field(scope, key="tier", label="Tier", kind=FieldKind.CHOICE, choices=["gold"])
    card = upload(scope, b"email,Tier,Joined,Score\na@b.com,GOLD,03/04/2026,7\nc@d.com,iron,,\n")
    with transaction(scope):
        kinds = {"tier": FieldKind.TEXT, "joined": FieldKind.DATE, "score": FieldKind.NUMBER}
        services.start(scope, import_id=card.id, kinds=kinds, order=DateOrder.MONTH_FIRST)
    run_due()
    with transaction(scope):
        assert dict(contacts.find_contact(scope, email="a@b.com").fields) == {"tier": "gold", "joined": "2026-03-04", "score": 7}
        assert queries.count_refusals(scope, card.id) == {"choice_unknown": 1}


def test_reread(world):
    """A person's word about encoding, separator or header changes the preview; a wrong one changes nothing."""
    scope = world.a1.scope
    card = upload(scope, "mail;имя\nann@company.com;Анна\n".encode("cp1251"))
    with transaction(scope):
        again = services.reread(scope, import_id=card.id, wishes=Wishes(encoding="cp1251"))
        assert [column.target for column in again.columns] == ["email", "first_name"]
        assert queries.preview(scope, card.id).rows[0].cells == ["ann@company.com", "Анна"]
    with transaction(scope), pytest.raises(Invalid):
        services.reread(scope, import_id=card.id, wishes=Wishes(encoding="rot13"))
    with transaction(scope):
        assert queries.get_import(scope, card.id).encoding == "cp1251"


def test_started_once(world):
    """A second start is refused, and so is another reading of the file."""
    scope = world.a1.scope
    card = upload(scope)
    with transaction(scope):
        services.start(scope, import_id=card.id)
    for act in (
        lambda: services.start(scope, import_id=card.id),
        lambda: services.reread(scope, import_id=card.id, wishes=Wishes()),
    ):
        with transaction(scope), pytest.raises(Conflict):
            act()


def test_cancel(world, settings):
    """A stopped import imports nothing more, and its file goes."""
    scope = world.a1.scope
    card = upload(scope)
    with transaction(scope):
        services.start(scope, import_id=card.id)
    with transaction(scope):
        assert services.cancel(scope, import_id=card.id).state == "cancelled"
    run_due()
    with transaction(scope):
        assert contacts.count_contacts(scope) == 0
        assert kept(settings) == []
        with pytest.raises(Conflict):
            services.cancel(scope, import_id=card.id)
        with pytest.raises(Missing):
            queries.preview(scope, card.id)


def test_two_guessed_columns_of_a_reserved_domain(world):
    """Addresses that no mail reaches are refused rows, with a reason, unless the installation takes them."""
    scope = world.a1.scope
    card = upload(scope, b"email\na@company.example\n")
    with transaction(scope):
        services.start(scope, import_id=card.id)
    run_due()
    with transaction(scope):
        assert queries.count_refusals(scope, card.id) == {"address_domain_reserved": 1}


@pytest.mark.parametrize("other", ["a2", "b1"])
def test_foreign_tenant_finds_and_changes_nothing(world, news, settings, other):
    """For another tenant the import, its preview, its refused rows and the list to import to aren't there."""
    scope = getattr(world, other).scope
    card = upload(world.a1.scope, b"email\nnobody\n", list_id=news.id)
    acts = [
        lambda: queries.get_import(scope, card.id),
        lambda: queries.preview(scope, card.id),
        lambda: queries.refused_csv(scope, card.id),
        lambda: services.start(scope, import_id=card.id),
        lambda: services.reread(scope, import_id=card.id, wishes=Wishes()),
        lambda: services.cancel(scope, import_id=card.id),
        lambda: services.upload(scope, file=io.BytesIO(FILE), file_name="x", list_id=news.id),
    ]
    for act in acts:
        with transaction(scope), pytest.raises(Missing):
            act()
    with transaction(world.a1.scope):
        services.start(world.a1.scope, import_id=card.id)
    run_due()
    with transaction(scope):
        assert queries.list_imports(scope) == ()
        assert queries.count_refusals(scope, card.id) == {}
        assert list(queries.walk_refusals(scope, card.id)) == []
    with transaction(world.a1.scope):
        assert queries.count_refusals(world.a1.scope, card.id) == {"address_without_at": 1}


@pytest.mark.parametrize(
    ("held", "act"),
    [
        ("contacts:read", lambda scope, card: services.upload(scope, file=io.BytesIO(FILE), file_name="x", list_id=None)),
        ("contacts:read", lambda scope, card: services.start(scope, import_id=card.id)),
        ("contacts:read", lambda scope, card: services.reread(scope, import_id=card.id, wishes=Wishes())),
        ("contacts:read", lambda scope, card: services.cancel(scope, import_id=card.id)),
        ("contacts:read", lambda scope, card: queries.preview(scope, card.id)),
        ("lists:read", lambda scope, card: queries.get_import(scope, card.id)),
        ("lists:read", lambda scope, card: queries.list_imports(scope)),
        ("lists:read", lambda scope, card: queries.count_refusals(scope, card.id)),
        ("lists:read", lambda scope, card: queries.refused_csv(scope, card.id)),
    ],
)
def test_each_needs_its_permission(world, held, act):
    """Without the permission nothing is read or changed."""
    card = upload(world.a1.scope)
    scope = world.a1.may_only(held)
    with transaction(scope), pytest.raises(Forbidden):
        act(scope, card)
