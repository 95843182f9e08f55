"""What nobody should send to the pages, by its number in the list of bad inputs: a clear refusal, and nothing is changed."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlencode

import psycopg
import pytest
from person import BOUNDARY, Person, multipart
from shops import make_shop
from street import open_street
from world import PASSWORD

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.tenants.imports import jobs as import_jobs
from posthouse.tenants.people import services as people


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    with open_street(tmp_path_factory.mktemp("street"), allow_reserved_domains=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def owner(street):
    """The owner of tenant a1, signed in."""
    person = Person(street.served)
    assert person.sign_in(street.world.a1.email).status == 303
    return person


@pytest.fixture(scope="module")
def shop(street):
    return make_shop(street.world.a1.scope, name="tea")


def _count(street, table, where="true"):
    with psycopg.connect(street.served.settings.database_url) as live:
        return live.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0]


def _quickly(act, seconds=3.0):
    """Run it, and see to it that it was quick; the limit is wide, for the machine may be busy."""
    begin = time.monotonic()
    answer = act()
    assert time.monotonic() - begin < seconds
    return answer


def test_12_a_hundred_thousand_parts_are_too_many(owner, street):
    before = _count(street, "contact_list")
    body = urlencode({"csrf_token": owner.token("/lists/new"), "name": "x"}).encode() + b"&a=1" * 500_000
    form = {"Content_Type": "application/x-www-form-urlencoded", "Origin": owner.served.url}
    assert _quickly(lambda: owner.ask("POST", "/lists/new", body, **form)).status in {400, 413}
    parts = b"".join(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' for _ in range(40_000)) + b"--x--\r\n"
    form["Content_Type"] = "multipart/form-data; boundary=x"
    assert _quickly(lambda: owner.ask("POST", "/lists/new", parts, **form)).status in {400, 413}
    assert _count(street, "contact_list") == before


def test_12_a_text_of_half_a_megabyte_is_no_name(owner, street):
    before = _count(street, "contact_list")
    answer = owner.post("/lists/new", name="x" * 500_000)
    assert answer.status == 422
    assert "name" in answer.text
    assert _count(street, "contact_list") == before


def test_12_a_file_of_carriage_returns_without_an_end(owner, street):
    """Megabytes without the boundary, which once took a parser minutes."""
    body = multipart({"csrf_token": owner.token("/imports/new"), "list_id": ""}, "file", "x.csv", b"\r" * 6_000_000)
    body = body.removesuffix(f"\r\n--{BOUNDARY}--\r\n".encode())
    form = {"Content_Type": f"multipart/form-data; boundary={BOUNDARY}", "Origin": owner.served.url}
    before = _count(street, "contact_import")
    assert _quickly(lambda: owner.ask("POST", "/imports/new", body, **form)).status in {400, 403, 413, 422}
    assert _count(street, "contact_import") == before


@pytest.mark.parametrize(
    "host",
    ["evil", "127.0.0.1.evil.example", "127.0.0.1:80@evil.example", "localhost.", "xn--lcalhost-j4a", "127.0.0.1:99999", "evil:{port}"],
)
def test_15_another_host_is_421_and_builds_no_link(street, host):
    answer = Person(street.served).get("/sign-in", Host=host.format(port=street.served.settings.web_port))
    assert answer.status in {400, 421}
    assert "evil" not in answer.text + str(answer.headers)


def test_15_two_hosts_or_one_in_the_address(street):
    for sent in (
        b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        b"GET /sign-in HTTP/1.1\r\nHost: evil.example\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET http://evil.example/sign-in HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    ):
        got = street.served.raw(sent)
        assert b"evil.example" not in got
        assert got.startswith((b"HTTP/1.1 4", b"HTTP/1.1 200"))


@pytest.mark.parametrize("said", ["6.6.6.6", ", ".join(["6.6.6.6"] * 1000), "x\x01'; DROP TABLE", "6.6.6.6, ::ffff:7.7.7.7"])
def test_16_who_says_to_come_from_elsewhere_is_not_believed(street, said):
    """The rate limits and the audit keep to the peer's address."""
    person = Person(street.served)
    before = _count(street, "user_session", "origin = '127.0.0.1'")
    answer = person.post("/sign-in", headers={"X-Forwarded-For": said}, email=street.world.b2.email, password=PASSWORD)
    assert answer.status in {303, 400}
    assert _count(street, "user_session", "origin = '127.0.0.1'") == before + (answer.status == 303)
    assert _count(street, "user_session", "origin <> '127.0.0.1'") == 0
    assert _count(street, "tenant_audit", "origin LIKE '%6.6%' OR origin LIKE '%7.7%'") == 0


@pytest.mark.parametrize(
    "password", ["a", "a" * 8, "a" * 1000, "a" * 1_000_000, "a\0" * 20, "e\u0301" * 20, "\ud800".encode("utf-8", "surrogatepass")]
)
def test_20_no_password_breaks_the_door(street, password):
    answer = _quickly(lambda: Person(street.served).sign_in("nobody@example.com", password), 5.0)
    assert answer.status in {422, 429}


def test_20_the_whole_password_counts_up_to_1024_characters(street):
    long = "z" * 1023
    with transaction(street.world.a2.scope):
        people.add_member(street.world.a2.scope, email="long@a2.example.com", name="Long", role="analyst", password=long + "y")
    assert Person(street.served).sign_in("long@a2.example.com", long + "x").status == 422
    person = Person(street.served)
    assert person.sign_in("long@a2.example.com", long + "y").status == 303
    answer = person.post("/account/password", page="/account", present=long + "y", new="z" * 1025)
    assert answer.status == 422
    assert "1024" in answer.text
    assert Person(street.served).sign_in("long@a2.example.com", long + "y").status == 303


@pytest.mark.parametrize(
    "target",
    [
        "//evil",
        "/\\evil",
        "https:evil",
        "https://evil",
        "javascript:alert(1)",
        "/\t/evil",
        "\\\\evil",
        "/%0d%0aSet-Cookie:x",
        "evil",
        "///evil",
    ],
)
def test_21_nobody_is_led_elsewhere(owner, target):
    answer = owner.get("/sign-in?next=" + quote(target, safe=""))
    assert answer.status == 303
    assert answer.headers["location"] == "/" or answer.headers["location"].startswith("/%0d%0a")


def test_21_after_signing_in_too(street):
    answer = Person(street.served).sign_in(street.world.b1.email, next="//evil.example/")
    assert (answer.status, answer.headers["location"]) == (303, "/")


def test_22_a_part_is_never_taken_for_a_page(owner, shop):
    """Whatever says to be htmx: no cache mixes parts and pages, and a part alone is asked for by its header only."""
    for path in ("/", "/contacts", "/suppressions", "/campaigns", "/lists/" + ids.encode("lst", shop.list_id)):
        whole, part = owner.get(path), owner.get(path, HX_Request="true")
        for answer in (whole, part):
            assert answer.status == 200
            assert "HX-Request" in answer.headers["vary"]
            assert answer.headers["cache-control"] == "no-store"
        assert whole.text.lower().startswith("<!doctype html>")
        assert "<body" in part.text or "X-Fragment".lower() in part.headers


def test_23_sixty_four_clicks_start_a_campaign_once(owner, street, shop):
    campaign = shop.campaign(name="Once")
    path = f"/campaigns/{ids.encode('cmp', campaign.id)}/start"
    body = urlencode({"csrf_token": owner.token("/account")}).encode()
    form = {"Content_Type": "application/x-www-form-urlencoded", "Origin": owner.served.url}
    with ThreadPoolExecutor(64) as many:
        statuses = list(many.map(lambda _: owner.ask("POST", path, body, **form).status, range(64)))
    assert set(statuses) <= {303, 429, 503}
    assert 303 in statuses
    assert _count(street, "message", f"campaign_id = {campaign.id}") == len(shop.contact_ids)
    assert _count(street, "tenant_audit", f"verb = 'campaign.started' AND subject_id = {campaign.id}") == 1


def test_24_a_suspended_account_starts_nothing_and_goes_on_with_nothing(street, owner, shop):
    """The reseller's click holds for the very next request, and is lifted as fast."""
    started, waiting = shop.campaign(name="Started"), shop.campaign(name="Not started")
    path = "/campaigns/" + ids.encode("cmp", started.id)
    assert owner.post(path + "/start", page="/account").status == 303
    assert owner.post(path + "/pause", page="/account").status == 303
    reseller = Person(street.served)
    reseller.sign_in(street.world.a.email)
    tenant = "/reseller/tenants/" + ids.encode("tnt", street.world.a1.id)
    assert reseller.post(tenant + "/state", page=tenant, state="suspended", reason="Complaints").status == 303
    try:
        refused = owner.post(f"/campaigns/{ids.encode('cmp', waiting.id)}/start", page="/account")
        assert refused.status in {403, 409, 422}
        assert "suspended" in refused.text
        owner.post(path + "/go-on", page="/account")
        assert _count(street, "campaign", f"id = {started.id} AND state = 'paused'") == 1
        assert _count(street, "message", f"campaign_id = {waiting.id}") == 0
    finally:
        reseller.post(tenant + "/state", page=tenant, state="active", reason="")


@pytest.mark.parametrize("zone", ["../../etc/passwd", "/etc/localtime", "Europe/../UTC", "", "Mars/Olympus", "UTC\0", "x" * 10_000])
def test_25_a_zone_is_one_of_the_list(owner, street, zone):
    before = _count(street, "tenant_profile", "timezone = 'UTC'")
    answer = owner.post("/profile", legal_name="Tea", postal_address="1 Street", website="", timezone=zone)
    assert answer.status == 422
    assert _count(street, "tenant_profile", "timezone = 'UTC'") == before


@pytest.mark.parametrize(
    ("date", "status"),
    [("0000-01-01", 422), ("2026-02-30", 422), ("12026-01-01", 422), ("99999999999", 422), ("2026-01-01T25:00", 422), ("9999-12-31", 303)],
)
def test_25_a_day_is_a_day_of_the_calendar(owner, street, date, status):
    owner.post("/fields", key="born", label="Born", kind="date")
    answer = owner.post("/contacts/new", email=f"born{abs(hash(date))}@gmail.example.net", f_born=date)
    assert answer.status == status, answer.text
    if status == 303:
        assert "9999" in owner.follow(answer).text


UNUSABLE_FILES = {
    "empty": (b"", "empty"),
    "names only": (b"Email,Name\n", "nothing below"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, ""),
    "a packed file": (b"PK\x03\x04" + bytes(2000), ""),
    "blank lines": (b"\n\n\r\n\n", "empty"),
    "zeros": (bytes(5000), ""),
}


@pytest.mark.parametrize("kind", UNUSABLE_FILES)
def test_a_file_that_is_none_of_contacts_says_what_is_wrong(owner, street, kind):
    content, said = UNUSABLE_FILES[kind]
    before = _count(street, "contact_import"), _count(street, "contact_list")
    answer = owner.upload("/imports/new", content, list_id="new", new_list="Made for nothing")
    assert answer.status == 422
    assert 'role="alert"' in answer.text
    assert said in answer.text
    assert (_count(street, "contact_import"), _count(street, "contact_list")) == before


def test_a_file_above_200_mb_is_refused_before_it_is_read(owner, street):
    """By what it says of its size: the answer comes though the file never does."""
    before = _count(street, "contact_import")
    cookies = "; ".join(f"{name}={value}" for name, value in owner.cookies.items())
    head = f"POST /imports/new HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookies}\r\nOrigin: {owner.served.url}\r\n"
    head += f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {260 * 1024 * 1024}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", street.served.settings.web_port), timeout=20) as line:
        line.sendall(head.encode())
        line.shutdown(socket.SHUT_WR)
        got = line.recv(65536)
    assert got.startswith(b"HTTP/1.1 413 ")
    assert _count(street, "contact_import") == before


def test_a_file_of_several_megabytes_is_taken(owner, street):
    """Larger than any other form may be."""
    rows = b"".join(b"many%d@gmail.example.net,Ann,%s\n" % (number, b"x" * 200) for number in range(20_000))
    answer = owner.upload("/imports/new", b"Email,Name,Note\n" + rows, list_id="")
    assert answer.status == 303
    seen = owner.follow(answer)
    assert "many0@gmail.example.net" in seen.text
    owner.post(answer.headers["location"] + "/cancel", page="/account")


def _imported(owner, street, content, **fields):
    """Import a file with the recognised columns; returns the import's page."""
    place = owner.upload("/imports/new", content, list_id="", **fields).headers["location"]
    page = owner.get(place)
    assert page.status == 200, page.text
    targets = [("target", found) for found in ("email", "first_name")]
    body = urlencode([("csrf_token", owner.token("/account")), *targets, ("order", "unknown")]).encode()
    form = {"Content_Type": "application/x-www-form-urlencoded", "Origin": owner.served.url}
    assert owner.ask("POST", place + "/start", body, **form).status == 303
    import_jobs.import_contacts(street.world.a1.scope, import_id=ids.decode("imp", place.rpartition("/")[2]))
    return place


def test_a_file_without_names_of_columns_is_read_from_its_first_row(owner, street, shop):
    _imported(owner, street, b"headless1@gmail.example.net,Ann\nheadless2@gmail.example.net,Bo\n")
    assert _count(street, "contact", "email_norm LIKE 'headless%'") == 2


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252", "latin-1"])
def test_27_whatever_a_file_is_written_in_its_letters_are_right(owner, street, shop, encoding):
    mark = encoding.replace("-", "")
    _imported(owner, street, f"Email;Vorname\n{mark}@gmail.example.net;Jürgen Groß\n".encode(encoding))
    contact = owner.get(f"/contacts?q={mark}@")
    assert "Jürgen Groß" in contact.text


def test_32_what_a_spreadsheet_would_run_is_kept_as_it_is_and_harmless_outside(owner, street, shop):
    cells = ("=HYPERLINK(1)", "@SUM(1)", "+1", "-1+2", "\t=1")
    rows = "".join(f'formula{number}@gmail.example.net,"{cell}"\n' for number, cell in enumerate(cells))
    _imported(owner, street, ("Email,First name\n" + rows).encode())
    assert "=HYPERLINK(1)" in owner.get("/contacts?q=formula0").text
    file = owner.post("/contacts/export", page="/account")
    assert file.status == 200
    lines = [line for line in file.text.splitlines() if "formula" in line]
    assert len(lines) == len(cells)
    assert not [line for line in lines if any(part.strip('"').startswith(("=", "@", "+", "-", "\t")) for part in line.split(","))]


def test_33_no_address_holds_a_command(owner, street, shop):
    """Refused one by one, each with its row and reason in the file of refused rows."""
    bad = [
        "a@b",
        '"a b"@c.example.net',
        "a@[127.0.0.1]",
        "a@b.example.net\x00",
        "a%b@c.example.net",
        "a@b@c.example.net",
        "a@b.example.net,c@d.example.net",
    ]
    bad += ["a@b.example.net\nBcc: x@y.example.net", "<script>@x.example.net", "x" * 65 + "@gmail.example.net"]
    rows = "".join('"' + one.replace('"', '""') + '",Ann\n' for one in bad)
    before = _count(street, "contact")
    place = _imported(owner, street, ("Email,First name\nfine33@gmail.example.net,Ann\n" + rows).encode())
    assert _count(street, "contact") == before + 1
    refused = owner.get(place + "/refused.csv")
    assert refused.headers["content-type"].startswith("text/csv")
    assert refused.headers["content-disposition"].startswith("attachment")
    assert refused.text.count("Ann") == len(bad)
    shown = owner.get(place)
    assert "Download with reasons" in shown.text
    assert "Two @ in the address" in shown.text


LETTERS = {
    "a field that is not kept": ("<p>Hi</p>\n<p>{{ shoe_size }}</p>{{ unsubscribe_url }}", "shoe_size", "line 2"),
    "a mistake in the template": ("<p>Hi</p>\n\n{% if %}<p>x</p>", "can", "line 3"),
    "a loop without an end": (
        "{% for i in (1..90000000) %}{% for j in (1..90000000) %}x{% endfor %}{% endfor %}{{ unsubscribe_url }}",
        "",
        "line 1",
    ),
    "no way to unsubscribe": ("<p>Buy</p>{{ postal_address }}", "There is no unsubscribe link", ""),
}


@pytest.mark.parametrize("kind", LETTERS)
def test_a_letter_that_cannot_go_says_why_and_where(owner, street, shop, kind):
    """Its draft is kept and shows what is wrong; starting it is refused and sends nothing."""
    html, said, line = LETTERS[kind]
    fields = {
        "name": "Bad letter", "list_id": ids.encode("lst", shop.list_id), "domain_id": ids.encode("dom", shop.domain.id), "from_name": "Tea",
        "from_local": "news", "subject": "Hi", "kind": "html", "html": html, "then": "edit",
    }  # fmt: skip
    saved = owner.post("/campaigns/new", **fields)
    assert saved.status == 303, saved.text
    shown = _quickly(lambda: owner.follow(saved), 5.0)
    assert shown.status == 200
    assert said in shown.text
    assert line in shown.text
    campaign = saved.headers["location"].split("/")[2]
    refused = owner.post(f"/campaigns/{campaign}/start", page="/account")
    assert refused.status == 422
    assert 'role="alert"' in refused.text
    assert _count(street, "message", f"campaign_id = {ids.decode('cmp', campaign)}") == 0


def test_a_campaign_to_nobody_or_from_a_foreign_domain_does_not_start(owner, street, shop):
    foreign = make_shop(street.world.b1.scope, name="foreign")
    owner.post("/lists/new", name="Nobody here")
    nobody = owner.get("/lists").text.split("Nobody here")[0].rpartition("/lists/")[2].split('"')[0]
    fields = {"name": "To nobody", "from_name": "Tea", "from_local": "news", "subject": "Hi", "kind": "html", "html": "<p>{{ postal_address }} <a href='{{ unsubscribe_url }}'>No</a></p>"}  # fmt: skip
    mine, theirs = ids.encode("dom", shop.domain.id), ids.encode("dom", foreign.domain.id)
    saved = owner.post("/campaigns/new", **fields, list_id=nobody, domain_id=mine, then="edit")
    campaign = saved.headers["location"].split("/")[2]
    assert owner.post(f"/campaigns/{campaign}/start", page="/account").status == 422
    before = _count(street, "campaign")
    for list_id, domain_id in ((nobody, theirs), (ids.encode("lst", foreign.list_id), mine)):
        assert owner.post("/campaigns/new", **fields, list_id=list_id, domain_id=domain_id).status in {404, 422}
    assert _count(street, "campaign") == before
    assert _count(street, "message", f"tenant_id = {street.world.a1.id} AND campaign_id = {ids.decode('cmp', campaign)}") == 0
