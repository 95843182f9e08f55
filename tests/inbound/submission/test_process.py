"""The submission process as it runs: eight programs hand in while it is killed again and again; what got 250 is there, once."""

from __future__ import annotations

import re
import smtplib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from flask import Flask
from mail_process import MailProcess, mail_process
from program import issue_key
from shops import make_shop
from world import World

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.platform.settings import Settings

PROGRAMS, LETTERS, KILLS = 8, 4, 3


@pytest.fixture
def process(settings: Settings) -> Iterator[MailProcess]:
    more = {"POSTHOUSE_SUBMISSION_TLS_PORT": "0", "POSTHOUSE_SUBMISSION_PLAIN_LOOPBACK": "yes"}
    with mail_process(settings, "submission", **more) as made:
        yield made


def hand_in(process: MailProcess, key: str, program: int, number: int) -> list[str]:
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


def test_row_52_kill_9_under_load_loses_no_acknowledged_letter_and_doubles_none(process: MailProcess, office: Flask, world: World) -> None:
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
    assert process.stop() == 0
