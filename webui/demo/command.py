"""`posthouse demo`: a whole installation on this machine, real mail through every room, and the account of it."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from posthouse.platform import clock, logs
from posthouse.platform.app import create_core
from posthouse.platform.cli import Command, main
from posthouse.platform.embedded.places import CannotStart
from posthouse.platform.errors import AppError
from posthouse.platform.nursery import Nursery, open_nursery
from posthouse.platform.settings import Settings
from posthouse.webui.demo import program
from posthouse.webui.demo.accounts import open_accounts
from posthouse.webui.demo.performance import Outcome, play
from posthouse.webui.demo.places import free_port, settle
from posthouse.webui.demo.stage import DemoFailed, processes, services


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="end after the report, with status 0 when all figures agree")
    parser.add_argument("--json", action="store_true", help="write the report, and without --once first the addresses and logins, as JSON")


def _run(settings: Settings, arguments: argparse.Namespace) -> int:
    logs.configure(level="warning", as_json=settings.log_json, process="demo")
    end = _End()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.called())
    try:
        with open_nursery(main) as nursery, _folder(settings) as folder:
            return _perform(settle(settings, folder, stripe_port=free_port()), arguments, end, nursery)
    except (CannotStart, DemoFailed, AppError) as problem:
        _say(f"posthouse: {problem}")
        return 1


class _End:
    """What a signal does: the first one breaks off a play, and only ends the wait once the play is over; more change nothing."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.playing = True

    def called(self) -> None:
        if self.asked.is_set():
            return
        self.asked.set()
        if self.playing:
            raise KeyboardInterrupt


def _perform(settings: Settings, arguments: argparse.Namespace, end: _End, nursery: Nursery | None) -> int:
    began = clock.monotonic()
    _say("Starting database and Redis")
    with services(settings) as (ready, running):
        core = create_core(ready, process="web")
        with core.app_context():
            company = open_accounts(ready)
            _say("Starting the product, the mailboxes and the stand-in for Stripe")
            with processes(ready, running, nursery):
                if not arguments.once:
                    _write(program.opening(ready, company) if arguments.json else program.greeting(ready, company))
                outcome = play(ready, company, _say)
                end.playing = False
                _report(outcome, clock.monotonic() - began, as_json=arguments.json)
                if not arguments.once:
                    _stay(ready, end)
                return 0 if outcome.well else 1


def _report(outcome: Outcome, seconds: float, *, as_json: bool) -> None:
    for one in outcome.disagreements:
        _say(f"These figures do not agree: {one}")
    _write(program.closing(outcome, seconds) if as_json else program.table(outcome, seconds))


def _stay(settings: Settings, end: _End) -> None:
    _say(f"All of it stays up at {settings.public_url} until Ctrl-C")
    end.asked.wait()
    _say("Stopping")


@contextmanager
def _folder(settings: Settings) -> Iterator[Path]:
    """Give the data folder: the one that was named, or one that goes when the demonstration ends."""
    if settings.data != Settings().data:
        yield settings.data
        return
    made = Path(tempfile.mkdtemp(prefix="posthouse-demo-"))
    made.chmod(0o711)  # the embedded database may run under another account
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


COMMAND = Command(
    "demo", "Play three shops on this machine: contacts, campaigns, mail out and back, and an account of all of it.", _run, _configure
)
