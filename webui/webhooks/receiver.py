"""Speaks HTTP to a tenant's endpoint: to a checked address, without redirects, within fixed time and size."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self
from urllib.parse import SplitResult, urlsplit

from posthouse.webui.webhooks.addresses import is_public

CONNECT_SECONDS = 5.0
WHOLE_SECONDS = 10.0
BODY_BYTES = 2_000  # of the answer, for the log; the rest is not read
Resolve = Callable[[str, int], Sequence[str]]

SENTENCES = {
    "name_not_found": "The host name was not found.",
    "private_address": "The host name leads to an address that is not on the public internet.",
    "not_reached": "No connection could be made.",
    "tls": "The TLS certificate was not accepted.",
    "too_slow": "There was no whole answer within 10 seconds.",
    "malformed": "The answer was not HTTP.",
    "broken_off": "The connection was closed before there was an answer.",
    "redirected": "The endpoint redirects; give its final address instead.",
    "refused": "The endpoint refused it.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one try. `status` is None when there was no answer; `problem` is empty for success, else a key of SENTENCES."""

    status: int | None
    problem: str
    text: str
    milliseconds: int
    retry_after_seconds: int | None = None


def resolve(host: str, port: int) -> list[str]:
    """Ask the system for all addresses of a name. Raises: OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def post(url: str, headers: Mapping[str, str], body: bytes, *, lenient: bool, resolve: Resolve = resolve) -> Answer:
    """Send one message. Never raises for what the other side does. `lenient` lets private addresses pass, for rehearsals."""
    started = time.perf_counter()
    status, problem, text, wait = _post(urlsplit(url), headers, body, lenient, resolve)
    return Answer(status, problem, text, round((time.perf_counter() - started) * 1000), wait)


_Outcome = tuple[int | None, str, str, int | None]


def _post(parts: SplitResult, headers: Mapping[str, str], body: bytes, lenient: bool, resolve: Resolve) -> _Outcome:  # noqa: FBT001 - private
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        addresses = list(resolve(host, port))
    except (OSError, UnicodeError):
        addresses = []
    if not addresses:
        return None, "name_not_found", "", None
    # One private answer among public ones is enough to refuse, and the connection goes to the very address that was checked.
    if not lenient and not all(map(is_public, addresses)):
        return None, "private_address", "", None
    try:
        live = _connect(addresses, port)
    except OSError:
        return None, "not_reached", "", None
    with _Watch(live) as watch:
        try:
            return _talk(live, parts, host, headers, body)
        except ssl.SSLError:
            return None, "too_slow" if watch.fired else "tls", "", None
        except (TimeoutError, OSError, http.client.HTTPException) as problem:
            return None, _name(problem, fired=watch.fired), "", None


def _connect(addresses: Sequence[str], port: int) -> socket.socket:
    problem: OSError | None = None
    for address in addresses[:2]:
        try:
            return socket.create_connection((address, port), timeout=CONNECT_SECONDS)
        except OSError as failed:
            problem = failed
    raise problem or OSError("no address")


class _Watch:
    """Ends a conversation that takes too long as a whole, however steadily it drips."""

    def __init__(self, live: socket.socket) -> None:
        self._live = live
        self.fired = False
        self._timer = threading.Timer(WHOLE_SECONDS, self._end)
        self._timer.daemon = True

    def _end(self) -> None:
        self.fired = True
        try:
            self._live.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has ended by itself

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._live.close()


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    made = ssl.create_default_context()
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


def _talk(live: socket.socket, parts: SplitResult, host: str, headers: Mapping[str, str], body: bytes) -> _Outcome:
    secure = _tls().wrap_socket(live, server_hostname=host) if parts.scheme == "https" else live
    connection = http.client.HTTPConnection(host)
    connection.sock = secure
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.putrequest("POST", target, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": parts.netloc, "Content-Length": str(len(body)), "Connection": "close", **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        text = response.read(BODY_BYTES).decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
        return response.status, _judge(response.status), text, _retry_after(response.getheader("Retry-After"))
    finally:
        secure.close()


def _judge(status: int) -> str:
    if 200 <= status < 300:
        return ""
    return "redirected" if 300 <= status < 400 else "refused"


def _retry_after(value: str | None) -> int | None:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 6 else None


def _name(problem: Exception, *, fired: bool) -> str:
    if fired or isinstance(problem, TimeoutError):
        return "too_slow"
    if isinstance(problem, http.client.RemoteDisconnected | ConnectionError):
        return "broken_off"
    return "malformed" if isinstance(problem, http.client.HTTPException) else "broken_off"
