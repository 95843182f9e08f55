"""The real web process (granian on a loopback port) over a test's database, and a plain HTTP/1.1 client for it."""

from __future__ import annotations

import http.client
import json
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import births
from product import fetch, free_port, until

from posthouse.platform.nursery import Child
from posthouse.platform.settings import Settings, as_environment, environment


@dataclass(frozen=True)
class Answer:
    """What came back, headers by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """A running web process."""

    settings: Settings
    log: Path
    process: Child
    hosts: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.settings.public_url

    def call(
        self, method: str, path: str, *, body: bytes | str | Iterator[bytes] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Make one request on a connection of its own; nothing is followed, nothing is added but Host and Content-Length."""
        connection = http.client.HTTPConnection("127.0.0.1", self.settings.web_port, timeout=20)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            got = connection.getresponse()
            return Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())
        finally:
            connection.close()

    def raw(self, sent: bytes) -> bytes:
        """Send bytes as they are and return what comes until the other side is silent or gone."""
        with socket.create_connection(("127.0.0.1", self.settings.web_port), timeout=20) as line:
            line.sendall(sent)
            line.settimeout(0.8)
            got = b""
            try:
                while more := line.recv(65536):
                    got += more
            except (TimeoutError, ConnectionResetError):
                pass
            return got


@contextmanager
def serving(settings: Settings, folder: Path, **more: Any) -> Iterator[Served]:
    """Start `posthouse web` over the settings' database and Redis; ends it afterwards."""
    port = free_port()
    served = replace(settings, web_port=port, public_url=f"http://127.0.0.1:{port}", **more)
    given = {
        **as_environment(served),
        "POSTHOUSE_DATA": str(served.data),
        "POSTHOUSE_DATABASE_URL": served.database_url,
        "POSTHOUSE_REDIS_URL": served.redis_url,
        "POSTHOUSE_SECRET_KEYS": served.secret_keys,
        "POSTHOUSE_WEB_PORT": str(port),
        "POSTHOUSE_PUBLIC_URL": served.public_url,
        "POSTHOUSE_MAIL_DOMAIN": served.mail_domain,
        "POSTHOUSE_ALLOW_RESERVED_DOMAINS": "yes" if served.allow_reserved_domains else "no",
        "POSTHOUSE_API_REQUESTS_PER_MINUTE": str(served.api_requests_per_minute),
        "POSTHOUSE_STRIPE_API": served.stripe_api,
        "PYTHONSAFEPATH": "1",
    }
    log = folder / "web.log"
    process = births.start(["web"], {**environment(), **given}, output=log)
    try:
        until(lambda: fetch(served.public_url + "/health/live") or _dead(process, log))
        yield Served(served, log, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _dead(process: Child, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    return False


def host_of(url: str) -> str:
    """Return the host of an address."""
    return urlsplit(url).hostname or ""
