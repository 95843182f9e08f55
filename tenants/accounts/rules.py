"""Names and states in the tree."""

from __future__ import annotations

import functools
import re
import unicodedata
import zoneinfo

from posthouse.platform.errors import Invalid

RESELLER_STATES = ("active", "suspended", "closed")
TENANT_STATES = ("active", "grace", "paused", "suspended", "closed")
SENDING_STATES = frozenset({"active", "grace"})
REPLIES = ("own", "inbox", "forward")
"""Where people's answers go: to the address that a letter names, to our inbox, or to our inbox and from there on."""
NAME_LENGTH = 120
ADDRESS_LENGTH = 500
_HOST = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_LOCALE = re.compile(r"[a-z]{2,3}")


def may_send(state: str) -> bool:
    """Say whether mail of a tenant in this state leaves. Grace sends on; the others hold, and lose nothing."""
    return state in SENDING_STATES


def clean_name(text: str, *, field: str = "name") -> str:
    """Return a name fit to show. Raises: Invalid when empty, too long or with control characters."""
    name = unicodedata.normalize("NFC", text).strip()
    if not name:
        raise Invalid("name_empty", "Give it a name.", field=field)
    if len(name) > NAME_LENGTH:
        raise Invalid("name_too_long", f"A name has at most {NAME_LENGTH} characters.", field=field)
    if any(unicodedata.category(letter) in {"Cc", "Cs", "Cf"} for letter in name):
        raise Invalid("name_has_controls", "A name holds no control characters.", field=field)
    return name


def clean_address(text: str) -> str:
    """Return a postal address, lines kept. Raises: Invalid."""
    lines = [line.strip() for line in unicodedata.normalize("NFC", text).replace("\r\n", "\n").split("\n")]
    address = "\n".join(line for line in lines if line)
    if len(address) > ADDRESS_LENGTH:
        raise Invalid("address_too_long", f"A postal address has at most {ADDRESS_LENGTH} characters.", field="postal_address")
    if any(unicodedata.category(letter) in {"Cc", "Cs"} and letter != "\n" for letter in address):
        raise Invalid("address_has_controls", "A postal address holds no control characters.", field="postal_address")
    return address


def slug_of(name: str) -> str:
    """Make a short name for addresses out of a name; never empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "account"


def clean_host(text: str) -> str:
    """Return a host name in lower case. Raises: Invalid."""
    host = text.strip().lower().rstrip(".")
    if not _HOST.match(host):
        raise Invalid(
            "host_invalid", "This is not a host name. Write it like mail.example.com, without https:// and without a path.", field="host"
        )
    return host


@functools.cache
def timezones() -> tuple[str, ...]:
    """Return the names of all time zones in order; the list is read from many files, so once in a process."""
    return tuple(sorted(zoneinfo.available_timezones()))


def clean_locale(locale: str) -> str:
    """Return the code of a language (RFC 5646). Raises: Invalid."""
    if not _LOCALE.fullmatch(locale):
        raise Invalid("locale_unknown", "Choose a language from the list.", field="locale")
    return locale


def clean_timezone(text: str) -> str:
    """Return the name of a time zone. Raises: Invalid."""
    if text not in timezones():
        raise Invalid("timezone_unknown", "Choose a time zone from the list, such as Europe/Berlin.", field="timezone")
    return text
