"""The simulator as a whole: SMTP, name server and state endpoint over one ledger."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from posthouse.platform import clock
from posthouse.sending.simulator import rules
from posthouse.sending.simulator.cards import Letter, Plan, Reading, Reply
from posthouse.sending.simulator.dns import UdpAnswerer, Zone, serve_tcp
from posthouse.sending.simulator.examiners import Examiners
from posthouse.sending.simulator.ledger import Ledger
from posthouse.sending.simulator.mx import MailExchanger
from posthouse.sending.simulator.reactions import Reactor
from posthouse.sending.simulator.scenario import Scenario
from posthouse.sending.simulator.smtp import SmtpSession
from posthouse.sending.simulator.spool import Spool
from posthouse.sending.simulator.state import StateServer
from posthouse.sending.simulator.web import Web
from posthouse.sending.simulator.wire import Wire

LEDGER = "ledger.jsonl"
#: Plans remembered; one is decided again in microseconds.
PLANS = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorConfig:
    """Where it listens (port 0 takes a free one), keeps its files and sends back to."""

    data: Path
    scenario: Scenario
    bind: str = "127.0.0.1"
    smtp_port: int = 0
    state_port: int = 0
    dns_port: int = 0
    host: str = "mx.simulator.test"
    #: The sender's mail exchanger, for reports and answers.
    inbound: tuple[str, int] = ("127.0.0.1", 25)
    #: The sender's web server, for pixels and links whatever their host; None reaches loopback URLs only.
    web: tuple[str, int] | None = None
    #: Whether every signature is verified; without it only letters with a reaction are read.
    verify: bool = True
    #: The name server for keys; None asks the simulator's own.
    resolver: tuple[str, int] | None = None
    examiners: int = 1


class Simulator:
    """Starts and stops everything, and is the house behind the SMTP sessions."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config
        config.data.mkdir(parents=True, exist_ok=True)
        self.ledger = Ledger(config.data / LEDGER)
        self.zone = Zone(config.data / "zone.json")
        self._spool = Spool(config.data / "spool")
        self._number = self.ledger.last_number
        self._attempts: dict[tuple[str, str], int] = {}
        self._sessions: set[Wire] = set()
        self._servers: list[asyncio.Server] = []
        self._plan = lru_cache(PLANS)(self._decide)
        self._began = clock.monotonic()
        self.smtp_port = self.state_port = self.dns_port = 0

    async def start(self) -> None:
        """Listen; raises OSError when a port is taken."""
        config, loop = self._config, asyncio.get_running_loop()
        smtp = await loop.create_server(lambda: SmtpSession(self, config.host, self._sessions), config.bind, config.smtp_port, backlog=512)
        state = await asyncio.start_server(StateServer(self.state, self.zone).serve, config.bind, config.state_port)
        self._servers = [smtp, state]
        self.smtp_port, self.state_port = _port(smtp), _port(state)
        await self._start_dns()
        resolver = config.resolver or (config.bind, self.dns_port)
        self._examiners = Examiners(processes=config.examiners, resolver=resolver if config.verify else None, done=self._examined)
        exchanger = MailExchanger(*config.inbound, helo=config.host)
        self._reactor = Reactor(config.scenario, self.ledger, exchanger, Web(config.web), config.host)

    async def stop(self) -> None:
        """Stop listening, give up what is still to come and close the files."""
        for server in self._servers:
            server.close()
        for session in list(self._sessions):
            session.shut_down()
        self._udp.close()
        await self._reactor.close()
        await self._examiners.close()
        self._spool.close()
        self.ledger.close()

    def state(self) -> dict[str, Any]:
        """Return the counts, and whether everything that arrived has been examined and answered."""
        examining, pending = self._examiners.outstanding, self._reactor.pending
        return {
            "quiet": not (examining or pending),
            "examining": examining,
            "pending": pending,
            "connections": len(self._sessions),
            "uptime_seconds": round(clock.monotonic() - self._began, 1),
            "ledger": str(self._config.data / LEDGER),
            "ports": {"smtp": self.smtp_port, "state": self.state_port, "dns": self.dns_port},
            "totals": self.ledger.counts(),
            "senders": self.ledger.counts_by_sender(),
        }

    # What the SMTP sessions ask.

    def plan(self, recipient: str, client_ip: str) -> Plan:
        """Return what a recipient does."""
        return self._plan(recipient, client_ip)

    def put_off(self, return_path: str, recipient: str, plan: Plan) -> bool:
        """Count an attempt for this letter, known by its return path, and say whether it is still put off."""
        if plan.deferrals is None:
            return True
        key = (return_path, recipient)
        made = self._attempts.pop(key, 0)
        if made >= plan.deferrals:
            return False
        self._attempts[key] = made + 1
        return True

    def refused(self, return_path: str, recipient: str, reply: Reply) -> None:
        """Record a reply other than 2xx."""
        verb = "deferred" if reply.code < 500 else "refused"
        domain = return_path.rpartition("@")[2].lower()
        detail = f"{return_path} {reply.code} {reply.status}"
        self.ledger.note(verb, recipient=recipient, detail=detail, sender_domain=domain)

    def accepted(self, return_path: str, recipients: tuple[str, ...], data: bytes) -> int:
        """Keep a letter; recorded on disk when this returns."""
        self._number += 1
        message_id, domain = identity(data)
        wanted = self._config.verify or any(self._plan(recipient, "127.0.0.1").reacts for recipient in recipients)
        place = self._spool.add(data) if wanted else None
        for recipient in recipients:
            self.ledger.accept(self._number, message_id, recipient, domain, return_path)
        if place:
            self._examiners.add(Letter(self._number, return_path, recipients, place), self._spool.path(place.segment))
        return self._number

    # Inside.

    def _decide(self, recipient: str, client_ip: str) -> Plan:
        return rules.decide(self._config.scenario, recipient, client_ip)

    def _examined(self, letter: Letter, reading: Reading) -> None:
        self._spool.release(letter.place)
        if reading.dkim:
            self._note_verdict(letter, reading)
        self._reactor.react(letter, reading)

    def _note_verdict(self, letter: Letter, reading: Reading) -> None:
        verb = "dkim_pass" if reading.dkim == "pass" else "dkim_fail"
        for recipient in letter.recipients:
            self.ledger.note(
                verb,
                recipient=recipient,
                detail=reading.dkim_reason,
                number=letter.number,
                message_id=reading.message_id,
                sender_domain=reading.sender_domain,
            )

    async def _start_dns(self) -> None:
        """UDP and TCP share a port number; a free one for UDP may be taken for TCP, so try a few."""
        loop, config = asyncio.get_running_loop(), self._config
        for attempt in range(10):
            udp, _protocol = await loop.create_datagram_endpoint(lambda: UdpAnswerer(self.zone), local_addr=(config.bind, config.dns_port))
            port: int = udp.get_extra_info("sockname")[1]
            try:
                tcp = await asyncio.start_server(lambda reader, writer: serve_tcp(self.zone, reader, writer), config.bind, port)
            except OSError:
                udp.close()
                if config.dns_port or attempt == 9:
                    raise
                continue
            self._udp, self.dns_port = udp, port
            self._servers.append(tcp)
            return


def identity(data: bytes) -> tuple[str, str]:
    """Return a letter's Message-ID and the domain in From, both empty when missing; a quick look, not a parser."""
    head = b"\n" + data[: data.find(b"\r\n\r\n") + 2]
    folded = head.lower()
    message_id = _field(head, folded, b"\nmessage-id:")
    sender = _field(head, folded, b"\nfrom:")
    return message_id, sender.rpartition("@")[2].partition(">")[0].strip().lower()


def _field(head: bytes, folded: bytes, name: bytes) -> str:
    start = folded.find(name)
    if start < 0:
        return ""
    start += len(name)
    end = folded.find(b"\r\n", start)
    while folded[end + 2 : end + 3] in {b" ", b"\t"}:
        end = folded.find(b"\r\n", end + 2)
    return " ".join(head[start:end].decode("utf-8", "replace").split())


def _port(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port
