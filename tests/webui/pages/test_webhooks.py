"""A webhook is made, shown its secret once, tested, changed and deleted on its pages."""

from __future__ import annotations

import re

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.webui.webhooks import services

URL = "https://hooks.example.com/in"


def test_from_the_first_page_to_the_last(web, world, browser):
    browser.sign_in(world.a1.email)
    assert "No webhooks yet" in browser.get("/webhooks").text
    made = browser.client.post(
        "/webhooks",
        data={"csrf_token": _token(browser, "/webhooks"), "url": URL, "label": "Shop", "kinds": ["message.bounced", "domain.lost"]},
        headers={"Origin": "http://localhost"},
    )
    assert made.status_code == 201
    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", made.text)[0]
    path = re.search(r'action="(/webhooks/whk_\w+)"', made.text)[1]
    assert secret not in browser.get(path).text
    assert "Shop" in browser.get("/webhooks").text
    shown = browser.post(f"{path}/test", page=path)
    assert "webhook.test" in shown.text
    delivery = re.search(rf"{path}/deliveries/whd_\w+", shown.text)[0]
    assert "It works." in browser.get(delivery).text
    assert "Stopped by hand" in browser.post(f"{path}/state", page=path, enabled="no").text
    fresh = browser.post(f"{path}/secret", page=path).text
    assert secret not in fresh
    assert "whsec_" in fresh
    assert "No webhooks yet" in browser.post(f"{path}/delete", page=path).text


def _token(browser, path):
    return re.search(r'name="csrf_token" value="([^"]+)"', browser.get(path).text)[1]


def test_a_refused_address_keeps_what_was_typed(world, browser):
    browser.sign_in(world.a1.email)
    answer = browser.post("/webhooks", url="https://127.0.0.1/", label="Typed", kinds="domain.lost")
    assert answer.status_code == 422
    assert "not on the public internet" in answer.text
    assert "Typed" in answer.text


def test_nobody_else_finds_it(world, browser):
    with transaction(world.a1.scope):
        made, _ = services.create_endpoint(world.a1.scope, url=URL, kinds=["domain.lost"])
        delivery = services.send_test(world.a1.scope, made)
    path = f"/webhooks/{ids.encode('whk', made)}"
    browser.sign_in(world.a2.email)
    for where in (path, f"{path}/deliveries/{ids.encode('whd', delivery)}"):
        assert browser.get(where).status_code == 404
    for act in ("", "/test", "/state", "/secret", "/delete", "/replay", f"/deliveries/{ids.encode('whd', delivery)}/replay"):
        assert browser.post(f"{path}{act}", page="/webhooks", url=URL, kinds="domain.lost").status_code == 404, act


def test_a_stopped_one_is_told_of_at_home(web, world, browser, settings):
    with transaction(world.a1.scope) as live:
        made, _ = services.create_endpoint(world.a1.scope, url=URL, kinds=["domain.lost"], label="Shop hook")
        row = services.locked(world.a1.scope, made)
        row.state, row.state_why = "disabled", "failing"
        live.flush()
    browser.sign_in(world.a1.email)
    assert "was stopped: it failed for three days" in browser.get("/").text
