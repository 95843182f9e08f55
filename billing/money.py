"""Money: whole minor units with their currency, never a float; shown through the reader's locale."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from babel.numbers import format_currency, get_currency_precision

from posthouse.platform.errors import Invalid

# Digits after the point, where they are not two: ISO 4217 and Stripe's "zero-decimal and three-decimal currencies" page (2026-11).
# ISK and UGX have no minor unit any more, but Stripe still takes them with two digits; so do we, or amounts would differ hundredfold.
ZERO_DECIMAL = frozenset({"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"})
THREE_DECIMAL = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})

# Stripe's own ceiling for one amount: eight digits in the minor unit for most currencies, twelve for a few.
LARGEST_MINOR = 999_999_999_999

_AMOUNT = re.compile(r"(?P<major>[0-9]{1,12})(?:[.,](?P<minor>[0-9]{1,3}))?")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (cents) of a lower-case ISO 4217 currency. Raises: Invalid for a currency that is none."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if len(self.currency) != 3 or not self.currency.isascii() or not self.currency.isalpha() or not self.currency.islower():
            raise Invalid("currency_invalid", "Give the currency as three small letters, such as eur or usd.", field="currency")

    @property
    def digits(self) -> int:
        """How many digits stand after the point."""
        return digits(self.currency)

    @property
    def major(self) -> Decimal:
        """The amount in whole units, exactly."""
        return Decimal(self.minor).scaleb(-self.digits)

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other).minor, self.currency)

    def __mul__(self, times: int) -> Money:
        return Money(self.minor * times, self.currency)

    def show(self, locale: str = "en") -> str:
        """Return the amount as a person of that locale writes it, such as “29,90 €”."""
        code = self.currency.upper()
        # Where CLDR rounds to fewer digits than Stripe counts (ISK, UGX, HUF), the locale's own two digits show the exact amount.
        return str(format_currency(self.major, code, locale=locale, currency_digits=get_currency_precision(code) == self.digits))

    def _same(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} can't be added")
        return other


def digits(currency: str) -> int:
    """Return how many digits a currency has after the point."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def parse(text: str, currency: str) -> Money:
    """Read an amount as a person types it into a form: a point or a comma before the minor digits, no thousands signs.

    Raises: Invalid when it isn't a number, is negative, has too many digits after the point, or is larger than Stripe takes.
    """
    places = Money(0, currency).digits
    found = _AMOUNT.fullmatch(text.strip())
    if found is None or len(found["minor"] or "") > places:
        raise Invalid(
            "amount_invalid", f"Write the amount with at most {places} digits after the point, such as {_example(places)}.", field="amount"
        )
    whole = int(found["major"] + (found["minor"] or "").ljust(places, "0"))
    if whole > LARGEST_MINOR:
        raise Invalid("amount_out_of_range", "The amount is larger than the payment provider takes. Write a smaller one.", field="amount")
    return Money(whole, currency)


def _example(places: int) -> str:
    return "29" if places == 0 else "29." + "90"[:places].ljust(places, "0")
