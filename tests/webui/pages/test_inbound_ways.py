"""The pages about what comes in: bounce mailboxes, "What is this mail?", and rules made from mail that nobody understood."""

from __future__ import annotations

import base64
import html
import io
import re

import pytest
from desk import Desk
from letters import DSN
from mailbox_server import Box, MailboxServer

from posthouse.platform.app import create_core


@pytest.fixture
def desk(settings, world):
    made = create_core(settings, process="command")
    with made.app_context():
        yield Desk(world)
        for engine in made.extensions["sqlalchemy"].engines.values():
            engine.dispose()


@pytest.fixture
def mailbox():
    server = MailboxServer(Box(), "imap")
    yield server
    server.close()


def _dsn(sent):
    return DSN.format(to=f"{sent.token}@bounce.mail.example", action="failed", token=sent.token)


def test_a_mailbox_is_added_tried_paused_and_deleted(world, browser, mailbox):
    """The trial's steps and their advice stand on the page; the password is never shown again."""
    browser.sign_in("operator@example.com")
    form = {
        "protocol": "imap",
        "host": "127.0.0.1",
        "port": mailbox.port,
        "tls": "none",
        "username": mailbox.box.user,
        "afterwards": "delete",
    }
    refused = browser.post("/operator/boxes", **form | {"password": "", "host": "a b"})
    assert (refused.status_code, "name of the mail server" in refused.text) == (422, True)
    shown = browser.post("/operator/boxes", **form, password="wrong").text
    assert "User name or password is wrong" in shown
    path = re.search(r'action="(/operator/boxes/box_\w+)/trial"', shown)[1]
    assert "0 mails in" not in shown
    good = browser.post("/operator/boxes", **form, password=mailbox.box.password).text
    assert "0 mails in “INBOX”" in html.unescape(good)
    assert mailbox.box.password not in html.unescape(good)
    assert "Paused" in browser.post(path + "/state", page="/operator/boxes", state="paused").text
    assert path not in browser.post(path + "/delete", page="/operator/boxes").text


def test_a_mailbox_is_edited(browser, mailbox):
    """What it is made of stands in the form, its password does not; what is wrong is said, and nothing is half changed."""
    mailbox.box.folders.add("R&APw-ckl&AOQ-ufer")
    browser.sign_in("operator@example.com")
    form = {
        "protocol": "imap",
        "host": "127.0.0.1",
        "port": mailbox.port,
        "tls": "none",
        "username": mailbox.box.user,
        "afterwards": "delete",
    }
    shown = browser.post("/operator/boxes", **form, password=mailbox.box.password).text
    path = re.search(r'href="(/operator/boxes/box_\w+)"', shown)[1]
    page = browser.get(path).text
    assert f'value="{mailbox.port}"' in page
    assert mailbox.box.password not in html.unescape(page)
    again = browser.post(path, page=path, **form | {"host": "imap.evil.example"})
    assert (again.status_code, "Give the password again" in again.text, "imap.evil.example" in again.text) == (422, True, True)
    saved = html.unescape(browser.post(path, page=path, **form | {"folder": "Rückläufer", "afterwards": "mark"}).text)
    assert "0 mails in “Rückläufer”" in saved
    oauth = {"signs_in": "xoauth2", "tls": "tls", "token_url": "https://evil.example/", "client_id": "c", "client_secret": "shh-quiet"}
    refused = browser.post(path, page=path, **form | oauth, password="refresh")
    assert (refused.status_code, "oauth2.googleapis.com" in refused.text, "shh-quiet" in refused.text) == (422, True, False)
    assert "Rückläufer" in html.unescape(browser.get(path).text)


def test_a_tenants_person_asks_what_a_mail_is_and_counts_it(desk, browser):
    """Pasted or as a file; the button to count it is a step of its own."""
    world, sent = desk.world, desk.send(desk.world.a1)
    browser.sign_in(world.a1.email)
    shown = html.unescape(browser.post("/mail/what", source=_dsn(sent)).text)
    for words in (
        "Bounce",
        "delivery-status",
        "Does not exist",
        "The mailbox does not exist.",
        "RFC",
        "no such user",
        "would mark the message as bounced",
        "Count it",
    ):
        assert words in shown, words
    file = (io.BytesIO(_dsn(sent).encode()), "mail.eml")
    assert "would mark the message as bounced" in browser.post("/mail/what", file=file).text
    assert desk.marks(sent)[0] is False
    packed = base64.b64encode(_dsn(sent).encode()).decode()
    assert "counted as if it had come in" in browser.post("/mail/what/apply", page="/mail/what", content=packed).text
    assert browser.post("/mail/what", source="").status_code == 422
    assert browser.post("/mail/what/apply", page="/mail/what", content="%%").status_code == 422


def test_nobody_learns_of_anothers_message(desk, browser):
    """Another tenant's person gets the answer for mail about nothing."""
    sent = desk.send(desk.world.a1)
    browser.sign_in(desk.world.b1.email)
    shown = browser.post("/mail/what", source=_dsn(sent)).text
    assert "names no message of yours" in shown
    assert "Count it" not in shown
    packed = base64.b64encode(_dsn(sent).encode()).decode()
    assert browser.post("/mail/what/apply", page="/mail/what", content=packed).status_code == 404


def test_a_mail_becomes_a_rule_in_the_browser(desk, browser):
    """From the waiting mail over the trial to activation; a rule that misses can't be activated."""
    desk.hand_in(b"From: Loft <loft@birds.example>\nSubject: <b>Pigeon</b> news\n\nThe pigeon has found nobody.\n", "b@mail.example")
    browser.sign_in("operator@example.com")
    path = re.search(r"/operator/mail/eml_\w+", browser.get("/operator/mail").text)[0]
    assert "Turn it into a rule" in browser.get(path).text
    assert 'value="birds.example"' in browser.get(path + "/rule").text
    form = {"status": "", "sender": "", "kind": "bounce", "reason": "userunknown"}
    refused = browser.post(path + "/rule", phrase="short", **form)
    assert (refused.status_code, "at least 12 letters" in refused.text) == (422, True)
    missing = browser.post(path + "/rule", phrase="words that are not there", **form).text
    assert "decide the mail that it was made from" in html.unescape(missing)
    assert "/activate" not in missing
    shown = browser.post(path + "/rule", phrase="the pigeon has found nobody", **form).text
    assert "other → bounce: userunknown (failed)" in html.unescape(shown)
    rule = re.search(r'action="(/operator/rules/rul_\w+)/activate"', shown)[1]
    assert "sorted again" in browser.post(rule + "/activate", page=rule).text
    assert "Active" in browser.get("/operator/rules").text
    assert "counts no more" in browser.post(rule + "/retire", page=rule).text
    assert browser.post(rule + "/delete", page=rule).status_code == 200
    assert browser.get(rule).status_code == 404
