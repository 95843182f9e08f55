"""The inbound process as it runs: takes mail, sorts it, bears a dead database and kill -9, stops when told."""

from __future__ import annotations

import argparse
import json
import random
import signal
import smtplib
from collections.abc import Iterator
from pathlib import Path

import letters
import pytest
from certificates import after_starttls, make_certificate, shown
from mail_process import MailProcess, mail_process
from product import free_port, until

from posthouse.inbound.commands import COMMANDS
from posthouse.inbound.spool.queries import count_waiting
from posthouse.platform.settings import Settings


def _hand_in(process: MailProcess, recipient: str, content: bytes) -> bool:
    """Send one mail; True when it was acknowledged."""
    try:
        with smtplib.SMTP("127.0.0.1", process.port, timeout=5) as client:
            client.sendmail("", [recipient], content)
    except (OSError, smtplib.SMTPException):
        return False
    return True


@pytest.fixture
def process(settings: Settings) -> Iterator[MailProcess]:
    with mail_process(settings, "inbound") as made:
        yield made


def test_a_bounce_comes_in_by_smtp_and_marks_its_message(desk, process: MailProcess) -> None:
    """From the port to the tenant, and the process ends when told."""
    sent = desk.send(desk.world.a1)
    process.start()
    assert _hand_in(process, f"{sent.token}@mail.example", letters.dsn(token=sent.token))
    assert not _hand_in(process, f"{'a' * 44}@mail.example", letters.dsn())
    until(lambda: desk.marks(sent)[0] is True)
    assert process.stop() == 0
    assert desk.mail(desk.world.a1) == [("bounce", "bounced", sent.id)]


def test_mail_is_taken_while_the_database_is_away_and_sorted_later(desk, process: MailProcess, settings: Settings) -> None:
    """Spooled, not refused; the next start catches up."""
    sent = desk.send(desk.world.a1)
    process.start(POSTHOUSE_DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")
    assert _hand_in(process, f"{sent.token}@mail.example", letters.dsn(token=sent.token))
    assert process.stop() == 0
    assert count_waiting(settings.data / "spool", up_to=9) == 1
    assert desk.marks(sent)[0] is False
    process.start()
    until(lambda: desk.marks(sent)[0] is True)
    until(lambda: count_waiting(settings.data / "spool", up_to=9) == 0)


def test_row_52_kill_9_under_load_loses_no_acknowledged_mail(desk, process: MailProcess, settings: Settings) -> None:
    """Killed again and again while mail comes in and is sorted: what got 250 has its effect, once."""
    rng = random.Random(52)
    sent = [desk.send(desk.world.a1, f"p{number}@example.net") for number in range(60)]
    acknowledged = []
    process.start()
    for one in sent:
        if _hand_in(process, f"{one.token}@mail.example", letters.dsn(token=one.token)):
            acknowledged.append(one)
        if rng.random() < 0.07:
            process.kill()
            process.start()
    assert len(acknowledged) > 50
    until(lambda: count_waiting(settings.data / "spool", up_to=9) == 0)
    assert all(desk.marks(one)[0] for one in acknowledged)
    assert desk.ask(
        desk.world.a1, "SELECT max(n) FROM (SELECT count(*) n FROM message_event WHERE kind = 'bounced' GROUP BY message_id) x"
    ) == [(1,)]


def test_samples_are_classified_one_line_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The manifest names id and file; nothing expected is read."""
    (tmp_path / "a.eml").write_bytes(letters.dsn())
    (tmp_path / "b.eml").write_bytes(letters.arf())
    (tmp_path / "c.txt").write_text("550 5.1.1 no such user")
    lines = [{"id": "a", "file": "a.eml"}, {"id": "b", "file": "b.eml"}, {"id": "c", "file": "c.txt", "kind": "smtpreply"}]
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text("\n".join(map(json.dumps, lines)) + "\n")
    parser = argparse.ArgumentParser()
    COMMANDS[0].configure(parser)
    assert COMMANDS[0].run(Settings(), parser.parse_args(["classify", "--manifest", str(manifest)])) == 0
    one, two, three = map(json.loads, capsys.readouterr().out.splitlines())
    assert (one["kind"], one["recipients"], one["events"][0]["hard"]) == ("bounce", ["ann@example.net"], True)
    assert (two["kind"], two["feedback_type"]) == ("fbl", "abuse")
    assert (three["kind"], three["reason"]) == ("smtpreply", "userunknown")


def test_a_signal_renews_the_certificate_and_cuts_nobody_off(desk, process: MailProcess, tmp_path: Path) -> None:
    """SIGHUP: the open connection goes on, the next one sees the new certificate."""
    del desk
    chain, key = make_certificate(tmp_path, serial=1)
    process.start(POSTHOUSE_INBOUND_CERTIFICATE=str(chain), POSTHOUSE_INBOUND_KEY=str(key))
    assert process.running is not None
    old = after_starttls(process.port)
    make_certificate(tmp_path, serial=2)
    process.running.send_signal(signal.SIGHUP)

    def shows_new() -> bool:
        with after_starttls(process.port) as client:
            return shown(client.sock) == 2

    until(shows_new)
    assert old.noop()[0] == 250
    old.close()
    assert process.stop() == 0
