"""The first start of an installation: each room makes what must be there once, such as somebody who can sign in."""

from __future__ import annotations

import argparse
import sys

from posthouse.platform.app import create_core
from posthouse.platform.cli import Command
from posthouse.platform.settings import Settings, WrongSetting


def make_first(settings: Settings) -> list[str]:
    """Make what is missing and say so line by line; nothing is said when nothing was. May be repeated."""
    core = create_core(settings, process="command")
    with core.app_context():
        try:
            return [line for make in core.extensions["posthouse_house"].first_runs for line in make()]
        finally:
            for engine in core.extensions["sqlalchemy"].engines.values():
                engine.dispose()


def _run(settings: Settings, _arguments: argparse.Namespace) -> int:
    if not settings.database_url:
        raise WrongSetting("POSTHOUSE_DATABASE_URL: this command needs it; only `posthouse up` brings its own.")
    lines = make_first(settings) or ["All that a first start makes is there already."]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


COMMAND = Command("first-run", "Make the first operator, and say how to sign in.", _run)
