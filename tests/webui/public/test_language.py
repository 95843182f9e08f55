"""Recipients' pages speak the recipient's language, else the sender's, else English; every language says everything."""

from __future__ import annotations

import re

import pytest

from posthouse.platform.db import transaction
from posthouse.platform.errors import Invalid
from posthouse.tenants.accounts import services as accounts
from posthouse.tenants.accounts.queries import get_profile
from posthouse.webui.public.language import Words, languages, offered

_PLACE = re.compile(r"\{(\w*)\}")


@pytest.mark.parametrize("code", sorted(languages()))
def test_every_language_says_everything(code):
    """The same names as in English, the same places for values, no empty text, and no letter that could be markup."""
    plain, own = languages()["en"], languages()[code]
    assert list(own) == list(plain)
    for name, text in own.items():
        assert sorted(_PLACE.findall(text)) == sorted(_PLACE.findall(plain[name])), name
        assert text.strip() == text != ""
        assert not set("<>&") & set(text)
    assert code == "en" or sum(own[name] == plain[name] for name in plain) == 0


def test_values_are_taken_as_they_are():
    """Tenants write their names and lists; the page escapes the whole."""
    made = Words("en", {"x": "By {sender}."})("x", sender="<b>{list}</b>")
    assert (type(made), made) == (str, "By <b>{list}</b>.")


def test_languages_are_offered_by_their_own_names():
    assert ("de", "Deutsch") in offered()
    assert len(offered()) == len(languages())


def _ask(mailing, number, accept):
    return mailing.get(mailing.path("u", number), Accept_Language=accept)


def test_the_page_speaks_as_the_browser_asks(mailing):
    number = mailing.next()
    german = _ask(mailing, number, "de-AT,de;q=0.9,en;q=0.5")
    assert (german.headers["content-language"], "Accept-Language" in german.headers["vary"]) == ("de", True)
    assert "Von „" in german.text
    assert '<html lang="de" dir="ltr"' in german.text
    arabic = _ask(mailing, number, "ar")
    assert '<html lang="ar" dir="rtl"' in arabic.text
    assert _ask(mailing, number, "tlh, fr;q=0.3, en;q=0.1").headers["content-language"] == "fr"
    assert _ask(mailing, number, "no").headers["content-language"] == "nb"
    broken = mailing.get("/t/u/nonsense", Accept_Language="ja")
    assert (broken.status, "このリンクは使えません" in broken.text) == (404, True)


def test_where_the_browser_asks_for_nothing_that_is_there_the_senders_language_is_taken(mailing):
    scope, number = mailing.shop.scope, mailing.next()
    with transaction(scope):
        known = get_profile(scope)
        facts = {name: getattr(known, name) for name in ("legal_name", "postal_address", "website", "timezone")}
        accounts.edit_profile(scope, **facts, locale="pl")
    try:
        for accept in ("", "tlh", "*", "pl;q=0, tlh"):
            assert _ask(mailing, number, accept).headers["content-language"] == "pl"
        done = mailing.post(mailing.path("u", number))
        assert "Subskrypcja została anulowana" in done.text
    finally:
        with transaction(scope):
            accounts.edit_profile(scope, **facts, locale="en")
            with pytest.raises(Invalid):
                accounts.edit_profile(scope, **facts, locale="<b>")
