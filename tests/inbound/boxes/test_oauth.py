"""Mailboxes at Google and Microsoft are entered by XOAUTH2 with a token that a refresh token buys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from mailbox_server import Box, MailboxServer
from token_service import TokenService

from posthouse.inbound.boxes.cards import Place
from posthouse.inbound.boxes.rules import TOKEN_HOSTS, Draft, clean, is_token_address
from posthouse.inbound.boxes.visits import try_place
from posthouse.platform.errors import Invalid

BOTH = pytest.mark.parametrize("protocol", ["imap", "pop3"])


@pytest.fixture
def tokens() -> Iterator[TokenService]:
    service = TokenService()
    yield service
    service.close()


def _place(server: MailboxServer, tokens: TokenService, **changes: object) -> Place:
    made = Place(
        server.protocol, "127.0.0.1", server.port, "starttls", False, server.box.user, tokens.refresh, signs_in="xoauth2",
        token_url=tokens.url, client_id="client", client_secret="shh", token_hosts=(tokens.host,),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


@BOTH
def test_a_token_opens_the_mailbox(serve: Callable[..., MailboxServer], tokens: TokenService, protocol: str) -> None:
    """The service gets the refresh token, the mail server the access token, and neither the other's."""
    server = serve(Box(token="access-1"), protocol, tls=True)
    server.box.put(b"a", b"b")
    steps = try_place(_place(server, tokens), seconds=10)
    assert [step.name for step in steps if not step.well] == []
    assert "2 mails" in steps[-1].words
    assert len(tokens.asked) == 1
    assert not any("refresh-1" in line for line in server.box.log)


@BOTH
def test_a_token_that_the_server_refuses(serve: Callable[..., MailboxServer], tokens: TokenService, protocol: str) -> None:
    """Its challenge is answered with nothing, and the dialogue ends in words."""
    server = serve(Box(token="another"), protocol, tls=True)
    step = try_place(_place(server, tokens), seconds=10)[-1]
    assert (step.name, step.well) == ("Sign-in", False)
    assert "scope" in step.advice


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((400, b'{"error": "invalid_grant", "error_description": "Token has been revoked."}'), "invalid_grant – Token has been revoked."),
        ((200, b'{"token_type": "Bearer"}'), "nothing that can be read"),
        ((200, b'{"access_token": 7}'), "nothing that can be read"),
        ((200, b'{"access_token": "\\u00e4"}'), "nothing that can be read"),
        ((200, b"[" * 60_000), "nothing that can be read"),
        ((302, b""), "answered 302"),
        ((500, b"<h1>Oops</h1>"), "answered 500"),
    ],
)
def test_a_token_service_that_gives_none(
    serve: Callable[..., MailboxServer], tokens: TokenService, answer: tuple[int, bytes], words: str
) -> None:
    """It is said why, no redirect is followed, and the mail server hears nothing."""
    server = serve(Box(token="access-1"), "imap", tls=True)
    tokens.answer = answer
    step = try_place(_place(server, tokens), seconds=10)[-1]
    assert (step.name, step.well, words in step.words) == ("Token", False, True)
    assert not any("AUTH" in line for line in server.box.log)


def test_a_token_service_that_is_away_or_not_allowed(serve: Callable[..., MailboxServer], tokens: TokenService) -> None:
    """Whatever stands in the table: the list of hosts is asked again before the token is sent."""
    server = serve(Box(token="access-1"), "imap", tls=True)
    away = try_place(_place(server, tokens, token_url="http://127.0.0.1:1/", token_hosts=("127.0.0.1:1",)), seconds=10)[-1]
    barred = try_place(_place(server, tokens, token_hosts=TOKEN_HOSTS), seconds=10)[-1]
    assert [(step.name, step.well) for step in (away, barred)] == [("Token", False)] * 2
    assert tokens.asked == []


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://oauth2.googleapis.com/token", True),
        ("https://oauth2.googleapis.com:443/token", True),
        ("https://login.microsoftonline.com/common/oauth2/v2.0/token", True),
        ("https://tokens.example:8443/x", True),
        ("http://127.0.0.1:9/x", True),
        ("http://oauth2.googleapis.com/token", False),
        ("https://oauth2.googleapis.com:8443/token", False),
        ("https://oauth2.googleapis.com.evil.example/token", False),
        ("https://evil.example/?oauth2.googleapis.com", False),
        ("https://oauth2.googleapis.com@evil.example/token", False),
        ("https://evil@oauth2.googleapis.com/token", False),
        ("https://oauth2.googleapis.com/token#x", False),
        ("https://oauth2.googleapis.com/to ken", False),
        ("https://oauth2.googleapis.com/\r\nHost: x", False),
        ("http://tokens.example:8443/x", False),
        ("https://[::1", False),
        ("https://x:99999/", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_where_a_refresh_token_may_go(url: str, may: bool) -> None:
    """Only to hosts of the list, encrypted unless it is this machine."""
    assert is_token_address(url, (*TOKEN_HOSTS, "tokens.example:8443", "127.0.0.1:9")) is may


@pytest.mark.parametrize("wrong", [{"tls": "none"}, {"token_url": "https://evil.example/"}, {"client_id": ""}, {"signs_in": "magic"}])
def test_what_is_missing_is_said(wrong: dict[str, str]) -> None:
    """With the field."""
    facts = {"signs_in": "xoauth2", "token_url": "https://oauth2.googleapis.com/token", "client_id": "c"}
    draft = Draft("", "imap", "imap.gmail.com", 993, "tls", True, "u@example.com", **facts)
    assert clean(draft) == draft
    with pytest.raises(Invalid) as refused:
        clean(replace(draft, **wrong))
    assert refused.value.facts["field"] == next(iter(wrong))
