"""The command line `posthouse`: reads settings, finds the command among the rooms' manifests, runs it."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from redis.exceptions import ConnectionError  # noqa: A004 - the only one that is meant here
from sqlalchemy.exc import OperationalError

from posthouse.platform import logs
from posthouse.platform.errors import AppError
from posthouse.platform.settings import Settings, WrongSetting, from_environment


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `run(settings, arguments)` returns the exit status.

    One that `explains` runs however wrong the settings are, on the defaults.
    """

    name: str
    help: str
    run: Callable[[Settings, argparse.Namespace], int]
    configure: Callable[[argparse.ArgumentParser], None] = lambda _parser: None
    explains: bool = False


def make_parser(commands: Mapping[str, Command]) -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(prog="posthouse", description="An e-mail service provider that one can resell.")
    found = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in sorted(commands):
        commands[name].configure(found.add_parser(name, help=commands[name].help, description=commands[name].help))
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 2 for a wrong setting or a wrong call, 1 for a refusal."""
    from posthouse.platform.rooms import assemble  # noqa: PLC0415 - the rooms import this module for Command

    commands = assemble().commands
    arguments = make_parser(commands).parse_args(argv)
    try:
        command = commands[arguments.command]
        settings = Settings() if command.explains else from_environment()
        logs.configure(level=settings.log_level, as_json=settings.log_json, process=arguments.command)
        return command.run(settings, arguments)
    except WrongSetting as problem:
        sys.stderr.write(f"posthouse: {problem}\n")
        return 2
    except AppError as refusal:
        sys.stderr.write(f"posthouse: {refusal.sentence}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except (OperationalError, ConnectionError) as problem:
        if (away := _away(problem)) is None:
            raise
        sys.stderr.write(f"posthouse: {away}\n")
        return 1


def _away(problem: OperationalError | ConnectionError) -> str | None:
    """Say in a sentence that a service can't be reached; None for any other fault, whose stack of calls is wanted."""
    if isinstance(problem, OperationalError) and getattr(problem.orig, "sqlstate", None) is not None:
        return None
    who, said = ("the database", problem.orig) if isinstance(problem, OperationalError) else ("Redis", problem)
    return f"{who} can't be reached ({str(said).strip().splitlines()[0]}). `posthouse doctor` says more."


def run() -> NoReturn:
    """Be the program: run one command and end at once.

    Every command has stopped what it began by then. Taking the interpreter apart would cost seconds on a busy machine, of
    the ten that a stop may take.
    """
    load()
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def load() -> None:
    """Load the house without looking for garbage meanwhile, nor ever again in what stays: that is a tenth of the time of a start."""
    from posthouse.platform.rooms import assemble  # noqa: PLC0415 - the rooms import this module for Command

    gc.disable()
    assemble()
    gc.freeze()
    gc.enable()


if __name__ == "__main__":
    run()
