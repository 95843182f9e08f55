"""What a route may be; pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypedDict

from posthouse.platform.errors import Invalid

STREAMS = ("marketing", "transactional")
ANSWERS_KEPT = timedelta(hours=24)
TLS_MODES = ("starttls", "tls", "none")
MOST_WAYS = 100
# RFC 5322 section 2.2: a field's name is printable US-ASCII without the colon; a line holds at most 998 octets.
_HEADER = re.compile(r"([!-9;-~]{1,100}):[ \t]*([ -~]{1,850})")
_ADDRESS_NAME = re.compile(r"[!-~]{1,200}")
# What the letter itself says and its signature covers isn't a route's to say.
_NOT_A_ROUTES = frozenset(
    [
        "bcc",
        "cc",
        "content-transfer-encoding",
        "content-type",
        "date",
        "dkim-signature",
        "feedback-id",
        "from",
        "list-id",
        "list-unsubscribe",
        "list-unsubscribe-post",
        "message-id",
        "mime-version",
        "received",
        "reply-to",
        "return-path",
        "sender",
        "subject",
        "to",
    ]
)


class RouteValues(TypedDict, total=False):
    """What may be given of a route; what is left out is as `Draft` says."""

    name: str
    host: str
    port: int
    tls: str
    verify_tls: bool
    username: str
    source_address: str
    greet_as: str
    max_connections: int
    messages_per_connection: int
    weight: int
    preset: str
    headers: str
    virtual_mta_header: str
    virtual_mta: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A route as a person describes it. `headers` are lines "Name: value" put before each letter that leaves by it."""

    name: str
    host: str
    port: int
    tls: str = "starttls"
    verify_tls: bool = True
    username: str = ""
    source_address: str = ""
    greet_as: str = ""
    max_connections: int = 10
    messages_per_connection: int = 1_000
    weight: int = 1
    preset: str = ""
    headers: str = ""
    virtual_mta_header: str = ""
    virtual_mta: str = ""


def clean(draft: Draft) -> Draft:
    """Return the draft without stray spaces. Raises: Invalid, naming the field."""
    made = replace(
        draft,
        name=draft.name.strip(),
        host=draft.host.strip(),
        username=draft.username.strip(),
        source_address=draft.source_address.strip(),
        greet_as=draft.greet_as.strip(),
        virtual_mta_header=draft.virtual_mta_header.strip().rstrip(":"),
        virtual_mta=draft.virtual_mta.strip(),
        headers="\n".join(f"{name}: {value}" for name, value in header_pairs(draft.headers)),
    )
    _check_server(made)
    _check_way(made)
    return made


def _check_server(draft: Draft) -> None:
    if not draft.name:
        raise _wrong("name", "A route needs a name.")
    if not draft.host or any(character.isspace() for character in draft.host):
        raise _wrong("host", "A route needs a host name or address without spaces.")
    if not 0 < draft.port < 65_536:
        raise _wrong("port", "A port lies between 1 and 65535.")
    if draft.tls not in TLS_MODES:
        raise _wrong("tls", "Encryption is starttls, tls or none.")
    if min(draft.max_connections, draft.messages_per_connection, draft.weight) < 1:
        raise _wrong("max_connections", "Connections, messages per connection and weight are at least 1.")


def _check_way(draft: Draft) -> None:
    if draft.source_address and not _is_address(draft.source_address):
        raise _wrong("source_address", f"“{draft.source_address}” is no IP address. Give one that this machine has, or leave it empty.")
    if draft.greet_as and not _ADDRESS_NAME.fullmatch(draft.greet_as):
        raise _wrong("greet_as", "The name to greet with holds no spaces.")
    if draft.virtual_mta and not _ADDRESS_NAME.fullmatch(draft.virtual_mta):
        raise _wrong("virtual_mta", "A virtual MTA's name holds no spaces.")
    if draft.virtual_mta and not draft.virtual_mta_header:
        raise _wrong("virtual_mta_header", "Name the header in which the server looks for the virtual MTA.")
    if draft.virtual_mta_header:
        header_pairs(f"{draft.virtual_mta_header}: {draft.virtual_mta or 'x'}", field="virtual_mta_header")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def header_pairs(lines: str, *, field: str = "headers") -> tuple[tuple[str, str], ...]:
    """Read header lines; empty ones and names without a value count for nothing. Raises: Invalid."""
    found = []
    for line in lines.splitlines():
        text = line.strip()
        if not text or re.fullmatch(r"[!-9;-~]+:?", text):
            continue
        match = _HEADER.fullmatch(text)
        if match is None:
            raise _wrong(field, f"“{text[:60]}” is no header. Write one a line, as Name: value, in plain ASCII.")
        name, value = match.groups()
        if name.lower() in _NOT_A_ROUTES:
            raise _wrong(field, f"The header {name} belongs to the letter; a route can't set it.")
        found.append((name, value.rstrip()))
    return tuple(found)


def preamble(headers: str, virtual_mta_header: str, virtual_mta: str) -> bytes:
    """Make the header lines that go before each letter of a route, with CRLF; empty where there are none."""
    pairs = header_pairs(headers)
    if virtual_mta:
        pairs += ((virtual_mta_header, virtual_mta),)
    return b"".join(f"{name}: {value}\r\n".encode("ascii") for name, value in pairs)


def spread(draft: Draft, ways: Sequence[str], *, by: str) -> list[Draft]:
    """Make one draft for each of a server's own addresses. `by` is source (IP addresses), port, or virtual_mta (names). Raises: Invalid."""
    names = [way.strip() for way in ways if way.strip()]
    if len(names) > MOST_WAYS:
        raise _wrong("ways", f"At most {MOST_WAYS} addresses at once.")
    if not names:
        return [draft]
    return [replace(_on_way(draft, way, by), name=f"{draft.name.strip()} {way}") for way in names]


def _on_way(draft: Draft, way: str, by: str) -> Draft:
    if by == "source":
        return replace(draft, source_address=way)
    if by == "virtual_mta":
        return replace(draft, virtual_mta=way)
    if by == "port" and way.isascii() and way.isdigit() and len(way) < 6:
        return replace(draft, port=int(way))
    raise _wrong("ways", f"“{way}” is no port." if by == "port" else "Say whether the lines are addresses, ports or virtual MTAs.")


def _wrong(field: str, sentence: str) -> Invalid:
    return Invalid("route_malformed", sentence, field=field)


_LOCAL_PART = re.compile(r"[^\s<>()\[\]\"',;:]+@(?=[\w.-])")
_OF_DOMAIN = re.compile(r"…@[\w.-]+")
_CHANGING = re.compile(r"(?=[\w./:+=-]*\d)[\w./:+=-]+")


def masked(text: str) -> str:
    """Return a server's words without anybody's address: what stands before an @ is left out. At most 300 characters."""
    return _LOCAL_PART.sub("…@", text[:2_000])[:300]


def shape(text: str) -> str:
    """Return what is the same each time that a server says this: addresses, and numbers and ids (as #), change. At most 120 characters."""
    return _CHANGING.sub("#", _OF_DOMAIN.sub("@", text)).lower()[:120]
