"""What the text of a setting must look like, beyond its type. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Form:
    """A demand on a value: the question, and what is expected in words that follow "is not"."""

    fits: Callable[[Any], bool]
    expected: str


def at_least(least: int) -> Form:
    """Demand a number that is not smaller."""
    return Form(lambda value: value >= least, f"{least} or more")


def one_of(*known: str) -> Form:
    """Demand one of a few words, in any case."""
    return Form(lambda value: value.lower() in known, f"{', '.join(known[:-1])} or {known[-1]}")


def address(*schemes: str, host: bool = False) -> Form:
    """Demand an address of one of the schemes, with a host where `host` says so."""
    return Form(
        lambda value: _is_address(value, schemes, host=host), f"an address that begins with {' or '.join(f'{s}://' for s in schemes)}"
    )


def _is_address(value: str, schemes: tuple[str, ...], *, host: bool) -> bool:
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - raises for what is no number
    except ValueError:
        return False
    return parts.scheme in schemes and value.startswith(f"{parts.scheme}://") and (bool(parts.hostname) or not host)


def _is_host_name(value: str) -> bool:
    return len(value) <= 253 and all(_LABEL.fullmatch(label) for label in value.split("."))  # RFC 1035 section 2.3.4


def _is_host_port(value: str) -> bool:
    host, _, port = value.rpartition(":")
    return bool(host) and _is_port(port)


def _is_port(value: str) -> bool:
    return value.isascii() and value.isdigit() and 0 < int(value) <= HIGHEST_PORT


def _is_ip(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _is_name_server(value: str) -> bool:
    host, colon, port = value.rpartition(":") if value.count(":") == 1 else (value, "", "")
    return _is_ip(host) and (not colon or _is_port(port))


def _is_mail_source(value: str) -> bool:
    local, at, domain = value.rpartition("@")
    return _is_network(value) or (bool(local) == bool(at) and " " not in local and "." in domain and _is_host_name(domain))


def _is_network(value: str) -> bool:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return True


def _each(fits: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda value: all(fits(part.strip()) for part in value.split(",") if part.strip())


def _or_empty(fits: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda value: not value or fits(value)


PORT = Form(lambda value: 0 < value <= HIGHEST_PORT, f"a port from 1 to {HIGHEST_PORT}")
PORT_OR_NONE = Form(lambda value: 0 <= value <= HIGHEST_PORT, f"a port from 1 to {HIGHEST_PORT}, or 0 for none")
HOST_NAME = Form(_is_host_name, "a host name")
HOST_NAME_OR_EMPTY = Form(_or_empty(_is_host_name), "a host name")
HOST_PORT_OR_EMPTY = Form(_or_empty(_is_host_port), "HOST:PORT")
NAME_SERVERS = Form(_each(_is_name_server), "a list of IP addresses, an IPv4 one also with :PORT")
MAIL_SOURCES = Form(_each(_is_mail_source), "a list of mail addresses, domains, IP addresses and networks")
IP_ADDRESSES = Form(_each(_is_ip), "a list of IP addresses")
NOT_EMPTY = Form(lambda value: bool(str(value).strip()) and "\0" not in str(value), "a text that says something")
WEB_ADDRESS = address("http", "https", host=True)
DATABASE = Form(_or_empty(address("postgresql", "postgres", "postgresql+psycopg").fits), "an address that begins with postgresql://")
REDIS = Form(_or_empty(address("redis", "rediss", "unix").fits), "an address that begins with redis://, rediss:// or unix://")
