"""The running product as processes of its own, with the mailbox simulator beside it; everything on free loopback ports."""

from __future__ import annotations

import json
import signal
import socket
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import births

from posthouse.platform.embedded import postgres, redis
from posthouse.platform.nursery import Child
from posthouse.platform.settings import Settings, environment

PORTS = ("web_port", "inbound_port", "simulator_smtp_port", "simulator_state_port", "simulator_dns_port")


def until(true: Callable[[], Any], seconds: float = 150.0) -> Any:
    """Wait until `true()` is, and return it; fail when that takes too long."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


def fetch(url: str) -> bytes | None:
    """Fetch a page, None while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.read()
    except OSError:
        return None


@dataclass
class Product:
    """`posthouse up` and the simulator over one data folder."""

    folder: Path
    ports: dict[str, int]
    processes: list[Child] = field(default_factory=list)
    more: dict[str, str] = field(default_factory=dict)  # further settings by their names

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['web_port']}"

    @property
    def settings(self) -> Settings:
        data = self.folder / "data"
        return replace(
            Settings(),
            data=data,
            database_url=postgres.url(data),
            redis_url=redis.url(data),
            public_url=self.url,
            mail_domain="post.example",
            dns_servers=f"127.0.0.1:{self.ports['simulator_dns_port']}",
            allow_reserved_domains=True,
            **self.ports,
        )

    def start(self, *command: str) -> Child:
        """Start a command of the product, its words in a log named after it."""
        log = self.folder / f"{command[0]}.log"
        log.write_bytes(b"")
        self.processes.append(births.start(command, self.environment, output=log))
        return self.processes[-1]

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of every command: the settings by their names."""
        given = {f"POSTHOUSE_{name.upper()}": str(port) for name, port in self.ports.items()}
        given |= {
            "POSTHOUSE_DATA": str(self.folder / "data"),
            "POSTHOUSE_PUBLIC_URL": self.url,
            "POSTHOUSE_MAIL_DOMAIN": "post.example",
            "POSTHOUSE_DNS_SERVERS": f"127.0.0.1:{self.ports['simulator_dns_port']}",
            "POSTHOUSE_ALLOW_RESERVED_DOMAINS": "yes",
            "POSTHOUSE_SIMULATOR_INBOUND": f"127.0.0.1:{self.ports['inbound_port']}",
            "POSTHOUSE_SIMULATOR_WEB": f"127.0.0.1:{self.ports['web_port']}",
        }
        return {**environment(), **given, **self.more}

    def state(self) -> dict[str, Any] | None:
        """Return what the simulator counted, None while it does not answer."""
        found = fetch(f"http://127.0.0.1:{self.ports['simulator_state_port']}/state")
        return None if found is None else json.loads(found)

    def publish(self, records: list[dict[str, str]]) -> None:
        """Put records into the simulator's name server, as a tenant does at its DNS provider."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['simulator_state_port']}/dns",
            data=json.dumps(records).encode(),
            method="PUT",
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=5).close()

    def end(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(20)


def free_port() -> int:
    """Return a port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_product(folder: Path) -> Product:
    """Choose free ports; nothing is started yet."""
    folder.chmod(0o711)
    probes = [socket.socket() for _ in PORTS]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = {name: probe.getsockname()[1] for name, probe in zip(PORTS, probes, strict=True)}
    for probe in probes:
        probe.close()
    return Product(folder, ports)
