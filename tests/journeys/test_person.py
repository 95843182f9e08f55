"""A person at a browser, before the whole product as processes: from signing in to reading who got the letter and who did not."""

from __future__ import annotations

import re

import pytest
from browser import sign_in
from playwright.sync_api import Page, expect
from product import fetch, make_product, until
from world import make_world

from posthouse.platform.app import create_core
from posthouse.platform.db import transaction
from posthouse.sending.domains import queries as domain_queries
from posthouse.sending.pools import services as pools

# Local parts that the simulator knows: these do what their names say, whatever its shares.
OPENING, CLICKING, UNKNOWN = "open+{}@gmail.example", "click+{}@gmail.example", "unknown+{}@outlook.example"
GOOD = [OPENING.format(1), CLICKING.format(2), "accept+3@gmail.example", "accept+4@gmx.example", "accept+5@yahoo.example"]
BAD = ["no-address", "two@at@signs.example", "blank in@between.example"]
PEOPLE = [*GOOD, UNKNOWN.format(6)]
FILE = "E-Mail;Vorname;Stadt\n" + "".join(f"{email};Zoë {number};Köln\n" for number, email in enumerate([*PEOPLE, *BAD, PEOPLE[0].upper()]))


@pytest.fixture
def product(tmp_path):
    made = make_product(tmp_path)
    made.start("up")
    made.start("simulator")
    yield made
    made.end()


@pytest.fixture
def ready(product):
    """The product with its world, and a pool that leads to the simulator: what reseller and operator see to beforehand."""
    until(lambda: fetch(product.url + "/sign-in") and product.state(), 120)
    core = create_core(product.settings, process="command")
    with core.app_context():
        world = make_world()
        with transaction(world.operator):
            pool_id = pools.create_pool(world.operator, name="shared")
            pools.add_route(
                world.operator, pool_id=pool_id, name="simulator", host="127.0.0.1", port=product.ports["simulator_smtp_port"], tls="none"
            )
            for stream in ("marketing", "transactional"):
                pools.grant_pool(world.operator, pool_id=pool_id, reseller_id=world.a.id, stream=stream, default=True)
        yield product, world
        for engine in core.extensions["sqlalchemy"].engines.values():
            engine.dispose()


def _figure(page: Page, label: str):
    return page.locator(".tile", has=page.get_by_text(label, exact=True)).locator(".value")


def _press(page: Page, name: str | re.Pattern[str]) -> None:
    page.locator("main").get_by_role("button", name=name).first.click()


def _add_a_domain(page: Page, product, scope) -> None:
    """Add the domain, publish what the page asks for, and watch the page notice it by itself."""
    page.goto(product.url + "/domains")
    page.get_by_label("Domain", exact=True).fill("shop.example")
    _press(page, "Add domain")
    expect(page.get_by_role("heading", name="shop.example")).to_be_visible()
    with transaction(scope):
        card = domain_queries.list_domains(scope)[0]
        records = domain_queries.get_domain(scope, card.id).records
    product.publish([{"name": each.record.name, "type": each.record.type, "value": each.record.value} for each in records])
    _press(page, "Look now")
    expect(page.get_by_text("Verified. Mail can be written from this domain.")).to_be_visible(timeout=20_000)


def _make_a_list(page: Page, url: str) -> None:
    page.goto(url + "/lists")
    page.get_by_role("link", name="New list").first.click()
    page.get_by_label("Name").fill("Friends of the house")
    _press(page, "Make list")
    expect(page.get_by_role("heading", name="Friends of the house")).to_be_visible()


def _import_a_file(page: Page, tmp_path) -> str:
    """Import into the list from its own page; returns the text of the file of refused rows."""
    page.locator("main").get_by_role("link", name=re.compile("^Import")).first.click()
    page.get_by_label(re.compile("CSV file")).set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": FILE.encode("cp1252")}
    )
    _press(page, "Upload and look")
    expect(page.get_by_text("Zoë 0").first).to_be_visible()
    _press(page, "Start the import")
    expect(page.locator("#progress .state")).to_have_text("Done", timeout=30_000)
    expect(_figure(page, "New contacts")).to_have_text(str(len(PEOPLE)))
    expect(_figure(page, "Refused")).to_have_text(str(len(BAD)))
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download with reasons").click()
    waiting.value.save_as(tmp_path / "refused.csv")
    return (tmp_path / "refused.csv").read_text("utf-8-sig")


def _write_a_campaign(page: Page, url: str) -> None:
    page.goto(url + "/campaigns")
    page.get_by_role("link", name=re.compile("New campaign")).first.click()
    page.get_by_label("Name of the campaign").fill("May news")
    page.get_by_label("To", exact=True).select_option(label=f"Friends of the house ({len(PEOPLE)})")
    page.get_by_label(re.compile("From: name")).fill("The shop")
    page.get_by_label("From: domain").select_option(label="@shop.example")
    page.get_by_label("Subject").fill("Grüße, {{ first_name | default: 'Freund' }}")
    letter = page.get_by_label("Letter", exact=True)
    letter.fill(letter.input_value().replace("Hello {{", "Hello from {{ city }}, {{"))
    _press(page, "Save and preview")


def _look_and_test(page: Page, product) -> None:
    """Look at the letter as one of its readers, then have it sent to oneself."""
    page.get_by_label("As seen by").fill(CLICKING.format(2))
    _press(page, "Show")
    expect(page.locator("main")).to_contain_text("Grüße, Zoë 1")
    expect(page.frame_locator("#letter").locator("body")).to_contain_text("Hello from Köln, Zoë 1")
    page.get_by_label("To", exact=True).fill("accept+me@gmail.example")
    _press(page, "Send test")
    expect(page.locator("#toasts")).to_contain_text("accept+me@gmail.example")
    until(lambda: product.state()["totals"]["accepted"] == 1, 30)


@pytest.mark.browser
@pytest.mark.timeout(240)
def test_from_signing_in_to_who_got_the_letter(ready, page, tmp_path):
    """No step outside the pages: domain, list, import with refused rows, campaign, preview, test, start, live figures, report."""
    product, world = ready
    sign_in(page, product.url, world.a1.email)
    _add_a_domain(page, product, world.a1.scope)
    _make_a_list(page, product.url)
    refused = _import_a_file(page, tmp_path)
    assert all(address in refused for address in BAD)
    _write_a_campaign(page, product.url)
    _look_and_test(page, product)
    page.get_by_role("link", name="Check and send").click()
    _press(page, f"Send to {len(PEOPLE)} people")
    expect(page.get_by_role("dialog")).to_contain_text("May news")
    page.get_by_role("dialog").get_by_role("button", name="Send now").click()
    # From here nobody touches the page: it counts by itself.
    sent = _figure(page, "Sent")
    expect(sent).to_have_text(str(len(GOOD)), timeout=60_000)
    expect(page.locator("#live .state").first).to_have_text("Finished", timeout=60_000)
    page.get_by_role("link", name="Who got it, and why not").click()
    for email in GOOD:
        expect(page.get_by_role("row", name=re.compile(re.escape(email)))).to_contain_text("Sent")
    expect(page.get_by_role("row", name=re.compile(re.escape(UNKNOWN.format(6))))).to_contain_text("The mailbox does not exist")
    assert page.complaints == []
