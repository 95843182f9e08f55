"""An import's counts are exact whatever the file holds and whenever the process dies (rows 32, 34 and 35 of the bad inputs)."""

import csv
import io
import random
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from posthouse.platform.db import db, transaction
from posthouse.platform.runner import run_due
from posthouse.platform.settings import environment
from posthouse.tenants.contacts import exports, fields
from posthouse.tenants.contacts import queries as contacts
from posthouse.tenants.contacts import services as contact_services
from posthouse.tenants.contacts.rules import FieldKind
from posthouse.tenants.imports import files, jobs, queries, services
from posthouse.tenants.lists import queries as list_queries
from posthouse.tenants.lists import services as lists
from posthouse.tenants.quotas import allowances
from posthouse.tenants.suppressions import queries as suppressions
from posthouse.tenants.suppressions import services as suppression_services


@pytest.fixture
def news(world):
    """A list of tenant a1."""
    with transaction(world.a1.scope):
        return lists.create_list(world.a1.scope, name="News")


def begin(scope, text, *, list_id=None, targets=None):
    data = text if isinstance(text, bytes) else text.encode()
    with transaction(scope):
        card = services.upload(scope, file=io.BytesIO(data), file_name="x.csv", list_id=list_id)
        return services.start(scope, import_id=card.id, targets=targets).id


def card_of(scope, import_id):
    with transaction(scope):
        return queries.get_import(scope, import_id)


def counts(card):
    assert card.rows_done == card.imported + card.updated + card.duplicate + card.refused
    return card.imported, card.updated, card.duplicate, card.refused


def run(scope, text, **options):
    import_id = begin(scope, text, **options)
    run_due()
    card = card_of(scope, import_id)
    assert card.state == "done"
    return card


MIXED = 'email,name\nann@company.com,Ann\nnobody,N\nBOB@company.com,"Bo\nb"\nAnn@Company.com,Twice\n,\n"open@company.com,x\n\nc@d.com,C,more\neve@company.com,=1+1\n'


@pytest.mark.parametrize("chunk", [1, 2, 3, 10_000])
def test_every_row_is_counted_once(world, news, monkeypatch, chunk):
    """New, known, repeated and refused rows add up to the file's rows, however it is cut into chunks."""
    monkeypatch.setattr(jobs, "CHUNK_ROWS", chunk)
    scope = world.a1.scope
    with transaction(scope):
        contact_services.create(scope, email="eve@company.com", source="page")
    card = run(scope, MIXED, list_id=news.id)
    assert counts(card) == (2, 1, 1, 3)
    assert (card.subscribed, card.kept_away) == (3, 0)
    with transaction(scope):
        assert queries.count_refusals(scope, card.id) == {"address_without_at": 1, "row_quote_open": 1, "row_too_many_cells": 1}
        assert dict(contacts.find_contact(scope, email="ann@company.com").fields) == {"name": "Ann"}
        assert dict(contacts.find_contact(scope, email="eve@company.com").fields) == {"name": "=1+1"}
        assert list_queries.count_states(scope, news.id) == {"subscribed": 3}


def test_refused_rows_as_a_file(world):
    """The refused rows come back as they were, with line and reason, and mended they are an import like any other."""
    scope = world.a1.scope
    card = run(scope, "email,name\nnobody,=cmd\na@b.com,ok\nx@y.com,a\0b\n")
    with transaction(scope):
        text = "".join(queries.refused_csv(scope, card.id))
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert rows[0] == ["email", "name", "Refused row", "Refusal code", "Refused because"]
    assert [row[:4] for row in rows[1:]] == [
        ["nobody", "'=cmd", "2", "address_without_at"],
        ["x@y.com", "a\u2400b", "4", "text_control_character"],
    ]
    assert all(row[4].endswith(".") for row in rows[1:])
    again = run(scope, text.replace("nobody", "some@body.com"))
    assert counts(again) == (2, 0, 0, 0)
    with transaction(scope):
        assert dict(contacts.find_contact(scope, email="some@body.com").fields) == {"name": "=cmd"}


def test_importing_again_updates(world, news):
    """The same file once more changes nothing but is counted as what it is; filled cells win, empty ones leave the value."""
    scope = world.a1.scope
    text = "email,name,city\na@b.com,Ann,Rome\nc@d.com,Bob,\n"
    assert counts(run(scope, text, list_id=news.id)) == (2, 0, 0, 0)
    card = run(scope, text.replace("Ann", ""), list_id=news.id)
    assert counts(card) == (0, 2, 0, 0)
    assert card.subscribed == 0
    with transaction(scope):
        assert dict(contacts.find_contact(scope, email="a@b.com").fields) == {"name": "Ann", "city": "Rome"}


@pytest.mark.parametrize("chunk", [7, 10_000])
def test_row_34_one_address_in_many_spellings(world, monkeypatch, chunk):
    """One address on every row, in every case, is one contact, and the counts say so."""
    monkeypatch.setattr(jobs, "CHUNK_ROWS", chunk)
    spellings = ["ann@company.com", "ANN@COMPANY.COM", " Ann@Company.com", "aNN@company.COM"]
    card = run(world.a1.scope, "email\n" + "".join(spellings[number % 4] + "\n" for number in range(400)))
    assert counts(card) == (1, 0, 399, 0)
    with transaction(world.a1.scope):
        assert contacts.count_contacts(world.a1.scope) == 1


@pytest.mark.slow
def test_row_34_the_same_address_a_million_times(world):
    """A million rows of one address."""
    card = run(world.a1.scope, b"email\n" + b"ann@company.com\nANN@company.com\n" * 500_000)
    assert counts(card) == (1, 0, 999_999, 0)


def test_who_ended_it_stays_so(world, news):
    """Unsubscribed, suppressed and deleted people aren't woken up by a file."""
    scope = world.a1.scope
    run(scope, "email\ngone@company.com\ndeleted@company.com\nbounced@company.com\nfine@company.com\n", list_id=news.id)
    with transaction(scope):
        for name in ("gone", "deleted"):
            contact = contacts.find_contact(scope, email=f"{name}@company.com")
            lists.unsubscribe(scope, contact_id=contact.id, list_id=news.id)
        contact_services.delete(scope, contact_id=contact.id)
        suppression_services.suppress(scope, email="bounced@company.com", reason="hard_bounce", source="bounce")
    card = run(
        scope, "email\ngone@company.com\ndeleted@company.com\nbounced@company.com\nfine@company.com\nnew@company.com\n", list_id=news.id
    )
    assert counts(card) == (2, 3, 0, 0)
    assert (card.subscribed, card.kept_away) == (1, 2)
    with transaction(scope):
        assert list_queries.count_states(scope, news.id)["unsubscribed"] == 2
        everybody = [f"{name}@company.com" for name in ("gone", "deleted", "bounced", "fine", "new")]
        found = suppressions.suppressed_emails(scope, everybody, stream="marketing", list_id=news.id)
        assert found == {"gone@company.com", "deleted@company.com", "bounced@company.com"}


@pytest.mark.parametrize("chunk", [1, 10_000])
def test_status_column(world, news, monkeypatch, chunk):
    """What another product knew against mail is kept, in whichever row of the file it stands; new consent is marked with its source."""
    monkeypatch.setattr(jobs, "CHUNK_ROWS", chunk)
    scope = world.a1.scope
    text = "email,status\nok@b.com,Confirmed\nout@b.com,unsubscribed\nbad@b.com,cleaned\nspam@b.com,complaint\nwait@b.com,pending\nok2@b.com,active\nOK2@b.com,removed\nx@b.com,??\n"
    card = run(scope, text, list_id=news.id)
    assert counts(card) == (6, 0, 1, 1)
    with transaction(scope):
        assert list_queries.count_states(scope, news.id) == {
            "subscribed": 1,
            "unsubscribed": 2,
            "bounced": 1,
            "complained": 1,
            "unconfirmed": 1,
        }
        (ok,) = list_queries.subscriptions_of(scope, contacts.find_contact(scope, email="ok@b.com").id)
        assert (ok.source, ok.import_id, ok.state) == ("import", card.id, "subscribed")
        everybody = [f"{name}@b.com" for name in ("ok", "out", "bad", "spam", "wait", "ok2")]
        assert suppressions.suppressed_emails(scope, everybody, stream="marketing", list_id=news.id) == set(everybody[1:4]) | {"ok2@b.com"}
        assert suppressions.suppressed_emails(scope, everybody, stream="transactional") == {"bad@b.com", "spam@b.com"}


def test_row_32_export_and_import_again(world):
    """What is exported and imported again is the same, formulas included."""
    scope = world.a1.scope
    values = ["=HYPERLINK(1)", "@SUM(1)", "\t=1", "'=1", "+49 30 1", "plain", 'quo"te', "two\r\nlines", "ünï"]
    with transaction(scope):
        fields.create_field(scope, key="name", label="Name", kind=FieldKind.TEXT)
        fields.create_field(scope, key="vip", label="VIP", kind=FieldKind.BOOLEAN)
        for number, value in enumerate(values):
            contact_services.create(scope, email=f"p{number}@company.com", values={"name": value, "vip": number % 2 == 0}, source="page")
    with transaction(scope):
        text = "".join(exports.export_csv(scope))
        before = [(card.email, dict(card.fields)) for card in contacts.walk_contacts(scope)]
    with transaction(world.a2.scope):
        fields.create_field(world.a2.scope, key="vip", label="VIP", kind=FieldKind.BOOLEAN)
    assert counts(run(scope, text)) == (0, len(values), 0, 0)
    assert counts(run(world.a2.scope, text)) == (len(values), 0, 0, 0)
    for other in (scope, world.a2.scope):
        with transaction(other):
            assert [(card.email, dict(card.fields)) for card in contacts.walk_contacts(other)] == before


def test_run_twice(world, news):
    """The job run again after its end, and twice at the same place, changes nothing."""
    scope = world.a1.scope
    import_id = begin(scope, MIXED, list_id=news.id)
    for _ in range(2):
        jobs.import_contacts(scope, import_id=import_id)
    assert counts(card_of(scope, import_id)) == (3, 0, 1, 3)


def test_second_run_at_the_same_time_stops(world, monkeypatch):
    """A run that finds that another one got further stores nothing and leaves the end to it."""
    monkeypatch.setattr(jobs, "CHUNK_ROWS", 2)
    scope = world.a1.scope
    import_id = begin(scope, "email\n" + "".join(f"p{number}@b.com\n" for number in range(10)))
    plan = jobs._load(scope, import_id)
    jobs.import_contacts(scope, import_id=import_id)
    with transaction(scope) as live:
        live.connection().exec_driver_sql("UPDATE contact_import SET state = 'running'")
    monkeypatch.setattr(jobs, "_load", lambda *_: plan)
    monkeypatch.setattr(files, "locate", lambda *_: _file(scope, "email\n" + "x@y.com\n" * 9))
    jobs.import_contacts(scope, import_id=import_id)
    card = card_of(scope, import_id)
    assert (counts(card), card.state) == ((10, 0, 0, 0), "running")


def _file(scope, text):
    path = services.settings().data / "other"
    path.write_text(text)
    return path


def test_file_gone(world):
    """An import without its file fails with the reason and what to do."""
    scope = world.a1.scope
    import_id = begin(scope, "email\na@b.com\n")
    with transaction(scope) as live:
        name = live.connection().exec_driver_sql("SELECT stored_name FROM contact_import").scalar_one()
    files.drop(scope, name)
    run_due()
    card = card_of(scope, import_id)
    assert (card.state, card.problem_code) == ("failed", "import_file_gone")


class BreakDown(Exception):
    """Stands for whatever ends a chunk's transaction before its commit."""


@pytest.mark.parametrize(
    "statement", ["_CLAIM", "_REFUSALS", "_CONTACTS", "_TOUCHED", "_SUBSCRIPTIONS", "_KEPT_AWAY", "_ADVANCE", "commit"]
)
def test_row_35_failure_in_each_chunk(world, news, monkeypatch, statement):
    """A failure in any chunk at any of its statements loses and doubles nothing once the job has run again."""
    monkeypatch.setattr(jobs, "CHUNK_ROWS", 3)
    scope = world.a1.scope
    text = "email\n" + "".join(f"{'p' if number % 3 else 'no body'}{number % 7}@b.com\n" for number in range(13))
    expected = counts(run(world.a2.scope, text))
    import_id = begin(scope, text, list_id=news.id)
    home = jobs if hasattr(jobs, statement) else jobs.store
    breaks = 0
    for chunk in range(5):
        with _breaking(monkeypatch, home, statement, after=chunk):
            try:
                jobs.import_contacts(scope, import_id=import_id)
            except BreakDown:
                breaks += 1
        card = card_of(scope, import_id)
        assert counts(card)
        with transaction(scope):
            assert contacts.count_contacts(scope) == card.imported
    jobs.import_contacts(scope, import_id=import_id)
    card = card_of(scope, import_id)
    assert (counts(card), card.state, breaks > 0) == (expected, "done", True)
    with transaction(scope):
        assert len(list(queries.walk_refusals(scope, import_id))) == card.refused


@contextmanager
def _breaking(monkeypatch, home, statement, *, after):
    """Break off at the statement once `after` chunks have passed it."""
    with monkeypatch.context() as patch:
        passed = 0

        def listen(connection, clause, *_):
            nonlocal passed
            if getattr(clause, "text", "") == getattr(home, statement).text:
                passed += 1
                if passed > after % 2:
                    raise BreakDown

        def listen_commit(_connection):
            nonlocal passed
            passed += 1
            if passed > 1 + after % 2:  # the first transaction only reads the plan
                raise BreakDown

        engine = db.engines["worker"]
        pairs = [("commit", listen_commit)] if statement == "commit" else [("before_execute", listen)]
        for name, function in pairs:
            event.listen(engine, name, function)
        try:
            yield patch
        finally:
            for name, function in pairs:
                event.remove(engine, name, function)


RUNNER = """
import sys
from posthouse.platform import settings
from posthouse.platform.app import create_core
from posthouse.platform.scope import Actor, for_tenant
from posthouse.tenants.imports import jobs
jobs.CHUNK_ROWS = 50
with create_core(settings.from_environment(), process="worker").app_context():
    scope = for_tenant(reseller_id=int(sys.argv[1]), tenant_id=int(sys.argv[2]), actor=Actor("job", 1, "test"), reason="test")
    print("ready", flush=True)
    jobs.import_contacts(scope, import_id=int(sys.argv[3]))
"""


@pytest.mark.faults
def test_row_35_kill_9_at_random_moments(world, news, settings):
    """Killed again and again, the import ends with the same counts as without a kill, and nothing is stored twice."""
    scope = world.a1.scope
    dice = random.Random(35)
    names = [f"p{dice.randrange(4000)}@b.com" if number % 9 else f"no body {number}" for number in range(6000)]
    text = "email\n" + "".join(f"{name}\n" for name in names)
    expected = counts(run(world.a2.scope, text))
    import_id = begin(scope, text, list_id=news.id)
    environ = environment() | {
        "POSTHOUSE_DATA": str(settings.data),
        "POSTHOUSE_DATABASE_URL": settings.database_url,
        "POSTHOUSE_REDIS_URL": settings.redis_url,
        "POSTHOUSE_SECRET_KEYS": settings.secret_keys,
    }
    command = [sys.executable, "-c", RUNNER, str(world.a.id), str(world.a1.id), str(import_id)]
    kills = 0
    for _ in range(200):
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"ready\n"
            try:
                assert process.wait(timeout=dice.uniform(0.02, 0.15)) == 0
                break
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
        if card_of(scope, import_id).state == "done":
            break
    card = card_of(scope, import_id)
    assert (counts(card), card.state) == (expected, "done")
    assert kills >= 5
    with transaction(scope):
        assert contacts.count_contacts(scope) == card.imported
        assert list_queries.count_states(scope, news.id) == {"subscribed": card.imported}
        refused = [row.line for row in queries.walk_refusals(scope, import_id)]
        assert refused == [number + 2 for number, name in enumerate(names) if name.startswith("no body")]


@pytest.mark.bench
def test_speed(world, news):
    """At least 20,000 rows a second into contacts and a list, with three fields."""
    rows = 200_000
    text = "email,first name,last name,city\n" + "".join(
        f"Person.{number}@mail{number % 50}.company.com,Jörg,Müller,Köln\n" for number in range(rows)
    )
    import_id = begin(world.a1.scope, text, list_id=news.id)
    started = time.perf_counter()
    jobs.import_contacts(world.a1.scope, import_id=import_id)
    speed = rows / (time.perf_counter() - started)
    print(f"{speed:,.0f} rows/s")
    assert counts(card_of(world.a1.scope, import_id)) == (rows, 0, 0, 0)
    assert speed >= 20_000


def test_new_people_above_the_allowance_are_refused_row_by_row_and_known_ones_updated(world):
    """In the order of the file; a duplicate takes no place; who deletes contacts makes room for the rest."""
    scope = world.a1.scope
    with transaction(scope):
        known = contact_services.create(scope, email="known@company.com", source="test").id
        allowances.set_contacts(scope, 3)
    file = "email\none@company.com\nONE@company.com\nknown@company.com\nnobody\ntwo@company.com\nthree@company.com\nThree@company.com\nfour@company.com\n"
    card = run(scope, file)
    assert counts(card) == (2, 1, 1, 4)
    with transaction(scope):
        assert allowances.contacts(scope).stored == 3
        assert queries.count_refusals(scope, card.id) == {"address_without_at": 1, "contacts_allowance": 3}
        told = [(row.line, row.cells) for row in queries.walk_refusals(scope, card.id) if row.code == "contacts_allowance"]
        assert told == [(7, ["three@company.com"]), (8, ["Three@company.com"]), (9, ["four@company.com"])]
        contact_services.delete(scope, contact_id=known)
    assert counts(run(scope, file)) == (1, 2, 1, 4)


def test_without_an_allowance_nothing_is_refused_for_it_and_two_imports_share_one_meter(world):
    scope = world.a1.scope
    for count in range(2):
        run(scope, "email\n" + "".join(f"p{number}@company.com\n" for number in range(count * 50, count * 50 + 100)))
    with transaction(scope):
        assert allowances.contacts(scope).stored == 150
        assert contacts.count_contacts(scope) == 150
