"""Mail that comes in: accepted and stored beside an empty aiosmtpd, understood, and applied to the messages it is about."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import multiprocessing
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent.parent / "support"))

import letters
import sqlalchemy as sa
import written_bounces
from aiosmtpd.smtp import SMTP
from databases import fresh
from flask import Flask
from world import Place, make_world

from posthouse.inbound.listener.limits import Limits
from posthouse.inbound.listener.server import Door, Listener
from posthouse.inbound.mailroom.intake import Intake
from posthouse.inbound.mailroom.sort import Mailroom
from posthouse.inbound.parsing.reading import read
from posthouse.inbound.spool.files import Envelope
from posthouse.inbound.spool.services import prepare, store
from posthouse.platform import clock, logs, loops
from posthouse.platform.app import create_core, keyring
from posthouse.platform.db import transaction
from posthouse.platform.secrets import Keyring
from posthouse.sending.replies.rules import forget
from posthouse.sending.tokens import Mint, read_address

HOST, DOMAIN = "127.0.0.1", "bounce.mail.example"
KEYS = Keyring({1: b"a key for the bench, 32 bytes..."}, 1)
RECIPIENT = f"{Mint(KEYS).mint(1, 1).local}@{DOMAIN}"
CONNECTIONS = 8
ROUNDS = 3
TURNS = 7
_MESSAGES = sa.text(
    "INSERT INTO message (tenant_id, revision_id, recipient, email_norm, domain, stream, state, attempts, not_before, created_at, settled_at)"
    " SELECT :tenant, 1, 'r' || n || '@example.net', 'r' || n || '@example.net', 'example.net', 'marketing', 'sent', 1, :at, :at, :at"
    " FROM generate_series(1, CAST(:count AS integer)) AS n RETURNING id, recipient"
)


def serve_ours(port: int, spool: str) -> None:
    """The real service, checking each token and storing each mail before it says so."""
    logs.configure(level="info", as_json=True, process="inbound")
    loops.run(_ours(port, Path(spool)))


async def _ours(port: int, spool: Path) -> None:
    door, mint = Door(HOST, port, "mx.mail.example", frozenset({DOMAIN}), spool), Mint(KEYS)
    limits = Limits(commands=10**9)  # a peer that says so much on one connection would be cut
    await Listener(door, is_genuine=lambda local: read_address(mint, local) is not None, limits=limits).start()
    await asyncio.Event().wait()


class Nothing:
    """A handler that takes everything and keeps nothing."""

    async def handle_DATA(self, _server: Any, _session: Any, _envelope: Any) -> str:  # noqa: N802
        return "250 OK"


def serve_nothing(port: int, _spool: str) -> None:
    """The same library with an empty handler, on the same kind of event loop and in a process as ours is."""
    logs.configure(level="info", as_json=True, process="inbound")
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    loops.run(_nothing(port))


async def _nothing(port: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: SMTP(Nothing(), hostname="mx.mail.example", loop=loop), HOST, port, backlog=256)
    await asyncio.Event().wait()


@contextlib.contextmanager
def running(serve: Callable[[int, str], None]) -> Iterator[int]:
    """One service process; gives its port."""
    port, spool = _free_port(), tempfile.mkdtemp(prefix="posthouse-bench-")
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(port, spool), daemon=True)
    process.start()
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.join()
        shutil.rmtree(spool, ignore_errors=True)


def accepted(count: int) -> tuple[list[float], list[float]]:
    """How many mails a second the empty handler and ours take, over `CONNECTIONS` connections that stay open, in each of `TURNS` turns.

    Both run all the while and are asked in turn, first the one and then the other, so that what else the machine does meets both.
    """
    empty: list[float] = []
    ours: list[float] = []
    with running(serve_nothing) as bare, running(serve_ours) as real:
        for port in (bare, real):
            _send(port, CONNECTIONS * 10)  # not measured: the first mails pay for imports
        for turn in range(TURNS):
            order = [(bare, empty), (real, ours)]
            for port, into in order if turn % 2 else reversed(order):
                started = time.monotonic()
                _send(port, count)
                into.append(count / (time.monotonic() - started))
    return empty, ours


def _send(port: int, count: int) -> None:
    tool = shutil.which("smtp-source")
    if tool:
        arguments = ["-s", str(CONNECTIONS), "-m", str(count), "-d", "-f", "<>", "-t", RECIPIENT, "-l", "4096", f"{HOST}:{port}"]
        subprocess.run([tool, *arguments], check=True)
        return
    _senders().starmap(_talk, [(port, count // CONNECTIONS)] * CONNECTIONS, chunksize=1)


@cache
def _senders() -> Pool:
    """The processes that send where there is no smtp-source: begun once, so that no measurement pays for their start."""
    return multiprocessing.get_context("spawn").Pool(CONNECTIONS)


def _talk(port: int, count: int) -> None:
    """One connection of a plain sender, for machines without Postfix's smtp-source."""
    body = letters.dsn(to=RECIPIENT).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b"\r\n.\r\n"
    with socket.create_connection((HOST, port), timeout=30) as line, line.makefile("rb") as answers:
        _expect(answers, b"220")
        for command in (
            b"EHLO bench.example\r\n",
            *([b"MAIL FROM:<>\r\n", f"RCPT TO:<{RECIPIENT}>\r\n".encode(), b"DATA\r\n", body] * count),
        ):
            line.sendall(command)
            _expect(answers, b"354" if command == b"DATA\r\n" else b"250")


def _expect(answers: Any, code: bytes) -> None:
    while (answer := answers.readline())[3:4] == b"-":
        pass
    if not answer.startswith(code):
        raise RuntimeError(f"expected {code!r}, got {answer!r}")


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def samples(manifest: Path | None) -> list[bytes]:
    """Mail to understand: a manifest's, or the tests' own."""
    if manifest is not None:
        entries = [json.loads(line) for line in manifest.read_text(encoding="utf-8").split("\n") if line.strip()]
        return [(manifest.parent / one["file"]).read_bytes() for one in entries if one["kind"] not in ("webhook", "smtpreply")]
    written = [f"From: {who}\nSubject: {subject}\n\n{words}".encode() for _, who, subject, words, _ in written_bounces.BOUNCES]
    return [*written, letters.dsn(), letters.arf(), letters.vacation(), letters.qmail()]


def classify_per_second(mails: list[bytes]) -> float:
    """How many mails a second one core understands; nothing is remembered from one round to the next."""
    best = 0.0
    for _ in range(ROUNDS):
        forget()
        started = time.process_time()
        for mail in mails:
            read(mail)
        best = max(best, len(mails) / (time.process_time() - started))
    return best


def apply_per_second(count: int) -> float:
    """How many stored bounces a second one process takes out of the spool into PostgreSQL, with every effect."""
    with tempfile.TemporaryDirectory(prefix="posthouse-bench-") as folder, fresh(Path(folder)) as settings:
        app = create_core(settings, process="command")
        with app.app_context():
            spool = Path(folder) / "spool"
            _fill(app, spool, make_world().tenants[0], count)
            started = time.monotonic()
            intake = Intake(spool, Mailroom(Mint(keyring())))
            while intake.empty():
                pass
            taken = time.monotonic() - started
            for engine in app.extensions["sqlalchemy"].engines.values():
                engine.dispose()
    return count / taken


def _fill(app: Flask, spool: Path, place: Place, count: int) -> None:
    del app
    prepare(spool)
    mint = Mint(keyring())
    with transaction(place.scope) as live:
        made = live.execute(_MESSAGES, {"tenant": place.id, "at": clock.now(), "count": count}).all()
    for message_id, recipient in made:
        local = mint.mint(place.id, message_id).local
        content = letters.dsn(to=f"{local}@{DOMAIN}", token=local, recipient=recipient)
        store(spool, Envelope("", (f"{local}@{DOMAIN}",), HOST, "mx.example.net", "esmtp", clock.now()), content)


def measure(arguments: argparse.Namespace) -> dict[str, float | str | int]:
    """All figures of one run. The ratio is the median of the turns' ratios: each turn's two halves see the same machine."""
    logs.configure(level="warning", as_json=True, process="bench")
    empty, ours = accepted(arguments.mails)
    ratios = [ours_then / empty_then for empty_then, ours_then in zip(empty, ours, strict=True)]
    mails = samples(arguments.manifest)
    return {
        "sender": "smtp-source" if shutil.which("smtp-source") else "built in",
        "mails": arguments.mails,
        "accept_per_s": round(statistics.median(ours)),
        "empty_handler_per_s": round(statistics.median(empty)),
        "accept_ratio": round(statistics.median(ratios), 3),
        "classify_samples": len(mails),
        "classify_per_s": round(classify_per_second(mails)),
        "apply_per_s": round(apply_per_second(arguments.applied)),
    }


def main() -> None:
    """Measure and print, for people or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--mails", type=int, default=600, help="mails of each of a service's turns")
    parser.add_argument("--applied", type=int, default=2_000, help="bounces to apply")
    parser.add_argument("--manifest", type=Path, help="understand these samples instead of the tests' own")
    arguments = parser.parse_args()
    with contextlib.redirect_stdout(sys.stderr):  # the house's log; what is measured goes out alone
        figures = measure(arguments)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:<22} {value}")


if __name__ == "__main__":
    main()
