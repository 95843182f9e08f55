"""Addresses of ours are read strictly; machines are told from persons by named rules."""

from __future__ import annotations

import hashlib
import string
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.sending.content.compose import base36
from posthouse.sending.tokens import Mint, TokenClaims
from posthouse.sending.tracking import rules, urls
from posthouse.sending.tracking.rules import Request

NOW = datetime(2026, 11, 25, tzinfo=UTC)
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Thunderbird/145.0"


@dataclass(frozen=True)
class Keys:
    keys: dict[int, bytes]
    current: int = 1

    def derive(self, key_id: int, purpose: str) -> bytes:
        return hashlib.sha256(self.keys[key_id] + purpose.encode()).digest()


MINT = Mint(Keys({1: b"k"}))
TOKEN = MINT.mint(7, 9).url


@given(revision=st.integers(1, 2**63 - 1), link=st.integers(0, 499))
def test_a_click_names_its_link(revision: int, link: int) -> None:
    """What the composer writes is read back."""
    visit = urls.read(MINT, f"/t/c/{TOKEN}/{base36(revision)}-{link}")
    assert visit is not None
    assert (visit.kind, visit.claims, visit.revision_id, visit.link) == ("click", TokenClaims(7, 9), revision, link)


@pytest.mark.parametrize(("letter", "kind"), [("o", "open"), ("u", "unsubscribe"), ("p", "preferences")])
def test_the_other_addresses(letter: str, kind: str) -> None:
    """Pixel, unsubscribe and preferences carry the token alone."""
    visit = urls.read(MINT, f"/t/{letter}/{TOKEN}")
    assert visit is not None
    assert visit.kind == kind
    assert urls.read(MINT, f"/t/{letter}/{TOKEN}/1-1") is None


def test_a6_91_every_altered_character_of_a_token_is_refused() -> None:
    """No altered token leads anywhere."""
    for place, character in enumerate(TOKEN):
        for other in string.ascii_letters + string.digits + "-_":
            if other != character:
                assert urls.read(MINT, f"/t/c/{TOKEN[:place]}{other}{TOKEN[place + 1 :]}/1-0") is None


@pytest.mark.parametrize("path", [f"/t/c/{TOKEN}", f"/t/c/{TOKEN}/1", f"/t/c/{TOKEN}/1-", f"/t/c/{TOKEN}/1-01", f"/t/c/{TOKEN}/1-500", f"/t/c/{TOKEN}/-1", f"/t/c/{TOKEN}/zzzzzzzzzzzzz-0", f"/t/c/{TOKEN}/1-0/", f"//t/c/{TOKEN}/1-0", f"/t/c/{TOKEN}/1-0?u=//evil", f"/t/x/{TOKEN}", f"/t/o/{TOKEN}\n", f"/T/o/{TOKEN}", "", "/", "/t/o/", f"/t/c/{TOKEN}/١-٠"])  # fmt: skip
def test_91_other_paths_are_nothing(path: str) -> None:
    """What we did not write is not read."""
    assert urls.read(MINT, path) is None


def test_the_pixel_is_a_picture() -> None:
    """A GIF of one transparent pixel."""
    assert urls.PIXEL.startswith(b"GIF89a\x01\x00\x01\x00")
    assert urls.PIXEL.endswith(b"\x3b")


@pytest.mark.parametrize(("request_", "rule"), [
    (Request(user_agent=BROWSER), ""),
    (Request(user_agent="Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"), ""),
    (Request(user_agent=BROWSER, method="HEAD"), "not_get"),
    (Request(user_agent=BROWSER, prefetch="prefetch;prerender"), "prefetch"),
    (Request(user_agent=BROWSER, ranged=True), "range"),
    (Request(user_agent=""), "no_agent"),
    (Request(user_agent="Mozilla/5.0"), "image_proxy"),
    (Request(user_agent="Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"), "image_proxy"),
    (Request(user_agent="YahooMailProxy; https://help.yahoo.com/"), "image_proxy"),
    (Request(user_agent="Mozilla/5.0 (compatible; BarracudaCentral; http://www.barracudacentral.org)"), "scanner"),
    (Request(user_agent="python-requests/2.32.3"), "scanner"),
    (Request(user_agent="Mozilla/5.0 AppleWebKit/537.36 HeadlessChrome/120.0.0.0 Safari/537.36"), "scanner"),
])  # fmt: skip
def test_92_machines_are_told_by_their_request(request_: Request, rule: str) -> None:
    """HEAD, prefetch, ranges, proxies and scanners are machines; mail programs are people."""
    assert rules.machine_by_request(request_) == rule


def test_many_links_at_once_are_a_scanners() -> None:
    """Four different links within five seconds are no person's; the same link often, or slowly, may be."""
    at = [NOW + timedelta(seconds=number) for number in range(40)]
    assert rules.bursts([(0, at[0]), (1, at[1]), (2, at[1]), (3, at[5])])
    assert not rules.bursts([(0, at[0]), (1, at[1]), (2, at[1]), (3, at[6])])
    assert not rules.bursts([(0, at[0])] * 50)
    assert not rules.bursts([(number, at[number * 6]) for number in range(6)])
