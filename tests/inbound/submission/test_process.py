"""The submission process as it runs: eight programs hand in while it is killed again and again; what got 250 is there, once."""

from __future__ import annotations

import re
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import sqlalchemy as sa
from flask import Flask
from program import issue_key
from shops import make_shop
from world import World

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.platform.settings import Settings, environment

PROGRAMS, LETTERS, KILLS = 8, 4, 3


class Process:
    """`posthouse submission` on this test's services."""

    def __init__(self, settings: Settings) -> None:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._environment = {
            **{name: value for name, value in environment().items() if not name.startswith("POSTHOUSE_")},
            "POSTHOUSE_DATA": str(settings.data),
            "POSTHOUSE_DATABASE_URL": settings.database_url,
            "POSTHOUSE_REDIS_URL": settings.redis_url,
            "POSTHOUSE_SECRET_KEYS": settings.secret_keys,
            "POSTHOUSE_SUBMISSION_PORT": str(self.port),
            "POSTHOUSE_SUBMISSION_TLS_PORT": "0",
            "POSTHOUSE_SUBMISSION_PLAIN_LOOPBACK": "yes",
            "POSTHOUSE_MAIL_DOMAIN": "mail.example",
        }
        self.running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "posthouse.platform.cli", "submission"]
        self.running = subprocess.Popen(command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not self.answers():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.02)

    def answers(self) -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=5) as client:
                return client.noop()[0] == 250
        except (OSError, smtplib.SMTPException):
            return False

    def kill(self) -> None:
        assert self.running is not None
        self.running.kill()
        self.running.wait()


@pytest.fixture
def process(settings: Settings) -> Iterator[Process]:
    made = Process(settings)
    yield made
    if made.running is not None and made.running.poll() is None:
        made.kill()


def hand_in(process: Process, key: str, program: int, number: int) -> list[str]:
    """Hand a letter for two people in until it is acknowledged, as a mail server with a queue does; returns the ids."""
    raw = f"From: shop@tea.example.com\r\nTo: x@example.net\r\nMessage-ID: <{program}.{number}@tea.example.com>\r\n\r\nHello\r\n".encode()
    deadline = time.monotonic() + 80
    while time.monotonic() < deadline:
        try:
            with smtplib.SMTP("127.0.0.1", process.port, timeout=10) as client:
                client.login("key", key)
                client.mail("shop@tea.example.com")
                for place in "ab":
                    client.rcpt(f"p{program}-{number}-{place}@example.net")
                code, said = client.data(raw)
                if code == 250:
                    return re.findall(r"msg_\w+", said.decode())
        except (OSError, smtplib.SMTPException):
            time.sleep(0.05)
    raise AssertionError("never acknowledged")


def test_row_52_kill_9_under_load_loses_no_acknowledged_letter_and_doubles_none(process: Process, office: Flask, world: World) -> None:
    """Every id that was given is a row, and every recipient has exactly one, though programs repeated what was cut off."""
    shop = make_shop(world.a1.scope, name="tea", people=1)
    key = issue_key(office, world.a1)[1]
    process.start()
    done = threading.Event()

    def kill() -> None:
        for _ in range(KILLS):
            if done.wait(1.0):
                return
            process.kill()
            process.start()

    with ThreadPoolExecutor(PROGRAMS + 1) as pool:
        killing = pool.submit(kill)
        work = [pool.submit(hand_in, process, key, program, number) for number in range(LETTERS) for program in range(PROGRAMS)]
        given = [one for part in work for one in part.result()]
        done.set()
        killing.result()
    with transaction(shop.scope) as live:
        rows = live.execute(sa.text("SELECT id, recipient FROM message")).all()
    assert {ids.decode("msg", one) for one in given} == {row.id for row in rows}
    assert len({row.recipient for row in rows}) == len(rows) == len(given) == PROGRAMS * LETTERS * 2
    assert process.running is not None
    process.running.send_signal(signal.SIGTERM)
    assert process.running.wait(10) == 0
