"""Read the values of typed fields from text; decide what a field may be called.

Values are kept in one JSON object per contact: text, url, choice, date (`YYYY-MM-DD`) and datetime (UTC, `…Z`) as strings, numbers and
booleans as themselves. An empty text is no value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from urllib.parse import urlsplit

MAX_TEXT_LETTERS = 2_000
MAX_URL_LETTERS = 2_048  # what browsers and proxies agree on
MAX_NUMBER_DIGITS = 15  # what a double keeps exactly
MAX_CHOICES = 200
MAX_KEY_LETTERS = 40

KEY_SHAPE = re.compile(r"[a-z][a-z0-9_]{0,39}")
RESERVED_KEYS = frozenset(
    {
        "id",
        "tenant_id",
        "reseller_id",
        "email",
        "email_norm",
        "domain",
        "status",
        "state",
        "created_at",
        "updated_at",
        "fields",
        "contact",
        "list",
        "token",
    }
)

Value = str | int | float | bool


class FieldKind(StrEnum):
    """What sort of value a field holds."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    DATETIME = "datetime"
    BOOLEAN = "boolean"
    URL = "url"
    CHOICE = "choice"


class DateOrder(StrEnum):
    """How dates like 03/04/2026 are meant. UNKNOWN refuses those that can be read both ways."""

    UNKNOWN = "unknown"
    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


@dataclass(frozen=True, slots=True)
class ValueRefused:
    """Why a text isn't a value of its field's kind."""

    code: str
    sentence: str


def key_refusal(key: str) -> ValueRefused | None:
    """Say why a field can't be called so, or None where it can."""
    if key in RESERVED_KEYS:
        return ValueRefused("field_key_reserved", f"“{key}” is a name of the system's own. Choose another one.")
    if KEY_SHAPE.fullmatch(key) is None:
        return ValueRefused(
            "field_key_malformed", f"A field's key has at most {MAX_KEY_LETTERS} small letters, digits and _, and starts with a letter."
        )
    return None


def parse_value(
    text: str, *, kind: FieldKind, choices: Sequence[str] = (), order: DateOrder = DateOrder.UNKNOWN
) -> Value | ValueRefused | None:
    """Read a field's value from text; None where the text is blank. Never raises."""
    if not text or text.isspace():
        return None
    if kind is FieldKind.TEXT:
        return _text(text)
    if kind is FieldKind.CHOICE:
        return _choice(text, choices)
    if kind is FieldKind.DATE:
        return _date(text.strip(), order)
    if kind is FieldKind.DATETIME:
        return _datetime(text.strip(), order)
    return _SIMPLE[kind](text.strip())


def _text(text: str) -> Value | ValueRefused:
    if len(text) > MAX_TEXT_LETTERS:
        return ValueRefused("text_too_long", f"The text is longer than {MAX_TEXT_LETTERS} characters. Shorten it.")
    if not text.isprintable() and _UNPRINTABLE.search(text):
        return ValueRefused("text_control_character", "The text contains a control character. Take it out.")
    return text


# NUL can't be stored, lone surrogates can't be encoded, the other controls have no meaning in a name or a sentence.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def _choice(text: str, choices: Sequence[str]) -> Value | ValueRefused:
    wanted = text.strip().casefold()
    for choice in choices:
        if choice.casefold() == wanted:
            return choice
    return ValueRefused("choice_unknown", f"This is none of the field's choices: {', '.join(choices[:10])}.")


def _number(text: str) -> Value | ValueRefused:
    """Read 1234.5, 1234,5, 1,234.50, 1.234,50 and 1 234,50; 1,234 alone could be either and is refused."""
    plain = text.translate(_THOUSANDS_BLANKS)
    if _DECIMAL_COMMA_GROUPED.fullmatch(plain):
        plain = plain.replace(".", "").replace(",", ".")
    elif _DECIMAL_POINT_GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    elif _AMBIGUOUS_NUMBER.fullmatch(plain):
        return ValueRefused("number_ambiguous", "The comma could part thousands or decimals. Write 1234 or 1.234.")
    elif _DECIMAL_COMMA.fullmatch(plain):
        plain = plain.replace(",", ".")
    if _PLAIN_NUMBER.fullmatch(plain) is None:
        return ValueRefused("number_malformed", "This is not a number. Write it like 1234 or 1234.5.")
    if len(re.sub(r"\D", "", plain)) > MAX_NUMBER_DIGITS:
        return ValueRefused("number_too_long", f"The number has more than {MAX_NUMBER_DIGITS} digits. Use a text field for such codes.")
    return float(plain) if "." in plain else int(plain)


_THOUSANDS_BLANKS = {ord(blank): None for blank in " \u00a0\u202f'\u2019"}
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_DECIMAL_COMMA_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(\.[0-9]{3})+,[0-9]+|[+-]?[0-9]{1,3}(\.[0-9]{3}){2,}")
_DECIMAL_POINT_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+\.[0-9]+|[+-]?[0-9]{1,3}(,[0-9]{3}){2,}")
_AMBIGUOUS_NUMBER = re.compile(r"[+-]?[0-9]{1,3},[0-9]{3}")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")


def _boolean(text: str) -> Value | ValueRefused:
    word = text.casefold()
    if word in _YES:
        return True
    if word in _NO:
        return False
    return ValueRefused("boolean_malformed", "This is neither yes nor no. Write yes or no, true or false, 1 or 0.")


_YES = frozenset(
    {
        "1",
        "y",
        "yes",
        "true",
        "t",
        "on",
        "x",
        "ja",
        "wahr",
        "oui",
        "vrai",
        "si",
        "sí",
        "sì",
        "verdadero",
        "vero",
        "sim",
        "tak",
        "да",
        "evet",
    }
)
_NO = frozenset({"0", "n", "no", "false", "f", "off", "nein", "falsch", "non", "faux", "falso", "não", "nao", "nie", "нет", "hayır", "nee"})


def _url(text: str) -> Value | ValueRefused:
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        host = None
    if (
        host is None
        or parts.scheme not in {"http", "https"}
        or not text.isprintable()
        or " " in text
        or "@" in parts.netloc
        or "\\" in text
    ):
        return ValueRefused("url_malformed", "This is not a web address. Write it whole, like https://company.com/page.")
    if len(text) > MAX_URL_LETTERS:
        return ValueRefused("url_too_long", f"The web address is longer than {MAX_URL_LETTERS} characters.")
    return text


def _date(text: str, order: DateOrder) -> Value | ValueRefused:
    day = _read_date(text, order)
    return day.isoformat() if isinstance(day, date) else day


def _read_date(text: str, order: DateOrder) -> date | ValueRefused:
    if match := _YEAR_FIRST.fullmatch(text):
        year, month, day = (int(part) for part in match.groups())
    elif match := _DOTTED.fullmatch(text):  # dots part days, months and years, in this order, wherever they are used
        day, month, year = (int(part) for part in match.groups())
    elif match := _SLASHED.fullmatch(text):
        first, second, year = (int(part) for part in match.groups())
        if order is DateOrder.UNKNOWN and first <= 12 and second <= 12 and first != second:
            return ValueRefused("date_ambiguous", "Day and month could be either way round. Say which comes first, or write 2026-12-31.")
        day_first = order is DateOrder.DAY_FIRST or (order is DateOrder.UNKNOWN and first > 12)
        day, month = (first, second) if day_first else (second, first)
    else:
        return _NO_DATE
    try:
        found = date(year, month, day)
    except ValueError:
        return ValueRefused("date_impossible", "There is no such day in the calendar.")
    return found if found.year >= 1000 else _NO_DATE


_NO_DATE = ValueRefused("date_malformed", "This is not a date. Write it like 2026-12-31.")
_YEAR_FIRST = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})")
_DOTTED = re.compile(r"([0-9]{1,2})\.\s?([0-9]{1,2})\.\s?([0-9]{4})")
_SLASHED = re.compile(r"([0-9]{1,2})[/-]([0-9]{1,2})[/-]([0-9]{4})")


def _datetime(text: str, order: DateOrder) -> Value | ValueRefused:
    """Read a date with a time of day; without an offset it is taken as UTC."""
    day_text, _, clock_text = text.replace("T", " ", 1).partition(" ")
    day = _read_date(day_text, order)
    if isinstance(day, ValueRefused):
        return day
    try:
        moment = datetime.fromisoformat(f"{day.isoformat()}T{clock_text.strip().replace(' ', '') or '00:00'}")
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return ValueRefused(
            "datetime_malformed", "This is not a date with a time. Write it like 2026-12-31 18:30 or 2026-12-31T18:30:00+01:00."
        )
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


_SIMPLE: dict[FieldKind, Callable[[str], Value | ValueRefused]] = {
    FieldKind.NUMBER: _number,
    FieldKind.BOOLEAN: _boolean,
    FieldKind.URL: _url,
}
