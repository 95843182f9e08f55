"""Money keeps whole minor units and shows them as each currency and locale writes them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.billing.money import LARGEST_MINOR, Money, digits, parse
from posthouse.platform.errors import Invalid


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "shown"),
    [
        (2990, "eur", "de", "29,90\xa0€"),
        (2990, "usd", "en", "$29.90"),
        (2990, "jpy", "en", "¥2,990"),
        (29900, "kwd", "en", "KWD29.900"),
        (2990, "isk", "en", "ISK29.90"),
        (-5, "eur", "en", "-€0.05"),
    ],
)
def test_shown_as_people_write_it(minor, currency, locale, shown):
    """Each currency has its own number of digits; nothing is rounded away."""
    assert Money(minor, currency).show(locale) == shown


@given(st.integers(0, LARGEST_MINOR), st.sampled_from(["eur", "usd", "jpy", "kwd", "isk"]), st.booleans())
def test_what_is_written_out_is_read_back(minor, currency, comma):
    """Reading an amount is the exact reverse of writing it, with a point or a comma."""
    text = f"{Money(minor, currency).major:f}"
    assert parse(text.replace(".", ",") if comma else text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    "text", ["", "abc", "1.234", "1,000.00", "1e400000", "NaN", "Infinity", "-1", "10000000000.00", "0x10", "1 000", "--1", "٣٫٥"]
)
def test_refused_amounts_say_what_to_write(text):
    """What isn't an amount in this currency is refused with the field and an example."""
    with pytest.raises(Invalid) as refused:
        parse(text, "eur")
    assert refused.value.facts["field"] == "amount"


@given(st.text(max_size=12))
def test_any_text_is_an_amount_or_refused(text):
    """No input makes the reader fail in another way."""
    with contextlib.suppress(Invalid):
        assert 0 <= parse(text, "eur").minor <= LARGEST_MINOR


@pytest.mark.parametrize("currency", ["EUR", "eu", "euro", "e1r", "€€€", ""])
def test_a_currency_is_three_small_letters(currency):
    """Anything else is refused before it reaches a table or Stripe."""
    with pytest.raises(Invalid):
        Money(1, currency)


def test_sums_keep_the_currency():
    """Amounts of one currency add, subtract and multiply exactly; two currencies don't mix."""
    assert Money(100, "eur") + Money(250, "eur") - Money(50, "eur") == Money(100, "eur") * 3
    with pytest.raises(ValueError, match="can't be added"):
        Money(1, "eur") + Money(1, "usd")
    assert [digits(code) for code in ("eur", "jpy", "kwd")] == [2, 0, 3]
