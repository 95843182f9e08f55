"""How numbers, times and states are written for people."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_compact_decimal, format_currency, format_decimal, format_percent
from markupsafe import Markup, escape

from posthouse.platform import clock, ids
from posthouse.webui.edge import visit
from posthouse.webui.edge.wording import WORDS

LOCALE = "en"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00\Z")
_SLOT = re.compile(r"\{\{-?\s*([\w.]{1,80})[^{}]{0,200}\}\}")
# Zero-decimal currencies of ISO 4217 that Stripe takes.
_WHOLE = frozenset({"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"})


def number(value: float | None) -> str:
    """Write a number with separators; a dash where there is none."""
    return "–" if value is None else format_decimal(value, locale=LOCALE)


def short(value: float | None) -> str:
    """Write a large number briefly, such as 120K; below 100,000 in full."""
    if value is None or value < 100_000:
        return number(value)
    return format_compact_decimal(value, locale=LOCALE, fraction_digits=1)


def share(part: float | None, whole: float | None) -> str:
    """Write a part of a whole as a percentage; a dash where there is no whole."""
    if part is None or not whole:
        return "–"
    value = part / whole
    return format_percent(value, format="#,##0.0#%" if 0 < value < 0.1 else "#,##0.#%", locale=LOCALE)


def money(minor: int | None, currency: str) -> str:
    """Write an amount of minor units."""
    if minor is None:
        return "–"
    return format_currency(minor if currency.lower() in _WHOLE else minor / 100, currency.upper(), locale=LOCALE)


def _zone() -> ZoneInfo:
    seen = visit.find()
    try:
        return ZoneInfo(seen.timezone if seen else "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _twice(local: datetime) -> bool:
    """Say whether a wall clock shows this time twice on this day, since it is put back."""
    return local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()


def _utc(value: datetime) -> str:
    return format_datetime(value.astimezone(UTC), "d MMM y, HH:mm:ss", locale=LOCALE) + " UTC"


def when(value: datetime | None) -> Markup:
    """Write a moment in the person's or the account's time zone, as a time element that holds the moment in UTC as a hint.

    An hour that comes twice, when clocks are put back, is written with the zone's name of that moment.
    """
    if value is None:
        return Markup("–")
    local = value.astimezone(_zone())
    text = format_datetime(local, "d MMM y, HH:mm", locale=LOCALE)
    if _twice(local):
        text = f"{text} {local.tzname()}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(value.astimezone(UTC).isoformat(), _utc(value), text)


def clock_time(value: datetime) -> Markup:
    """Write the time of the day of a moment that is near."""
    local = value.astimezone(_zone())
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        value.astimezone(UTC).isoformat(), _utc(value), format_datetime(local, "HH:mm", locale=LOCALE)
    )


def day(value: datetime | None) -> str:
    """Write the date on which a moment falls in the person's or the account's time zone."""
    return "–" if value is None else format_date(value.astimezone(_zone()), "d MMM y", locale=LOCALE)


def utc_day(value: datetime | None) -> str:
    """Write the date of a day that is counted in UTC, such as an allowance's."""
    return "–" if value is None else format_date(value.astimezone(UTC), "d MMM y", locale=LOCALE)


def ago(value: datetime | None) -> Markup:
    """Write how long ago or how far ahead a moment is, with the exact moment as a hint."""
    if value is None:
        return Markup("never")
    delta: timedelta = value - clock.now()
    text = "just now" if abs(delta) < timedelta(seconds=45) else format_timedelta(delta, add_direction=True, locale=LOCALE)
    exact = format_datetime(value.astimezone(_zone()), "d MMM y, HH:mm:ss", locale=LOCALE)
    return Markup('<time datetime="{}" title="{} ({})">{}</time>').format(value.astimezone(UTC).isoformat(), exact, _utc(value), text)


def span(seconds: int) -> str:
    """Write how often something is done, such as "15 seconds" or "1 day"."""
    return format_timedelta(timedelta(seconds=seconds), threshold=1, locale=LOCALE)


def limit_words(by: str) -> str:
    """Write what holds mail: a layer's allowance such as `tenant:month`, or another word."""
    layer, _, period = by.partition(":")
    whose = {"tenant": "its own", "reseller": "its reseller’s", "operator": "the installation’s"}.get(layer)
    return f"{whose} allowance for the {period}" if whose and period else words(by).lower()


def size(value: int | None) -> str:
    """Write a number of bytes."""
    if value is None:
        return "–"
    if value < 1000:
        return f"{value} bytes"
    if value < 1_000_000:
        return f"{format_decimal(round(value / 1000), locale=LOCALE)} KB"
    if value < 1_000_000_000:
        return f"{format_decimal(round(value / 1_000_000, 1), locale=LOCALE)} MB"
    return f"{format_decimal(round(value / 1_000_000_000), locale=LOCALE)} GB"


def fact(value: Any) -> Any:
    """Write a fact of the audit: a moment in the reader's zone, several things with commas."""
    if value is None:
        return "–"
    if isinstance(value, list | tuple):
        return ", ".join(str(one) for one in value) or "–"
    if isinstance(value, str) and _MOMENT.match(value):
        try:
            return when(datetime.fromisoformat(value))
        except ValueError:
            return value
    return value


def words(value: str) -> str:
    """Write a code such as `hard_bounce` as words."""
    if value in WORDS:
        return WORDS[value]
    text = value.replace("_", " ").replace(".", " ")
    return text[:1].upper() + text[1:]


def subject_words(value: str) -> str:
    """Write a subject so that its personal parts read as what they stand for: `{{ first_name | default: "you" }}` is [first name]."""
    return _SLOT.sub(lambda slot: f"[{slot[1].rpartition('.')[2].replace('_', ' ')}]", value)


def lines(value: str) -> Markup:
    """Keep line breaks of a plain text."""
    return Markup("<br>").join(escape(line) for line in value.split("\n"))


def list_pair(value: str) -> tuple[str, str]:
    """Make a choice whose value is its text."""
    return value, value


def list_option(card: Any) -> tuple[str, str]:
    """Make a choice out of a list's card."""
    return ids.encode("lst", card.id), card.name


def word_pair(value: str) -> tuple[str, str]:
    """Make a choice out of a code, shown as words."""
    return value, words(value)


FILTERS = {
    "ago": ago,
    "clock_time": clock_time,
    "day": day,
    "fact": fact,
    "limit_words": limit_words,
    "lines": lines,
    "list_option": list_option,
    "list_pair": list_pair,
    "money": money,
    "number": number,
    "share": share,
    "short": short,
    "size": size,
    "span": span,
    "subject_words": subject_words,
    "utc_day": utc_day,
    "when": when,
    "word_pair": word_pair,
    "words": words,
}
