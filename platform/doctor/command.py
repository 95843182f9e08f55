"""The command `posthouse doctor`: asks every question, prints a line for each answer, and fails if one of them failed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from posthouse.platform.cli import Command
from posthouse.platform.doctor import database, doorbell, keys, machine, ports, roles
from posthouse.platform.doctor.findings import Check, Finding, Ground, Level, fail
from posthouse.platform.doctor.ground import prepared
from posthouse.platform.settings import Settings

if TYPE_CHECKING:
    from posthouse.platform.rooms import House

CHECKS = [
    Check("keys", keys.look),
    Check("database", database.look),
    Check("roles", roles.look),
    Check("redis", doorbell.look),
    Check("disk", machine.disk),
    Check("ports", ports.look),
]


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    parser.add_argument("--clock", metavar="URL", default="", help="compare the clock with this web server's too")


def _run(settings: Settings, arguments: argparse.Namespace) -> int:
    house = _house()
    checks = [*CHECKS, Check("clock", partial(machine.clocks, web=arguments.clock)), *house.checks]
    with prepared(settings, house.sealed) as (ground, said):
        found = [*said, *examine(ground, checks)]
    failed = any(one.level is Level.FAIL for one in found)
    if arguments.json:
        sys.stdout.write(json.dumps({"ok": not failed, "findings": [asdict(one) for one in found]}) + "\n")
    else:
        sys.stdout.writelines(_line(one) for one in found)
    return 1 if failed else 0


def examine(ground: Ground, checks: list[Check]) -> Iterator[Finding]:
    """Ask every question; a question that breaks is a finding, and does not keep the others from being asked."""
    for check in checks:
        try:
            yield from check.run(ground)
        except Exception as problem:
            yield fail(check.name, f"could not be looked at: {type(problem).__name__}: {problem}", "Report this: the doctor itself broke.")


def _house() -> House:
    from posthouse.platform.rooms import assemble  # noqa: PLC0415 - the rooms' manifests name this command

    return assemble()


def _line(one: Finding) -> str:
    return f"{one.level:<4}  {one.check:<10}  {one.what}\n" + (f"{'':18}{one.do}\n" if one.do else "")


COMMAND = Command("doctor", "Look whether this installation is well, and say what to do where it is not.", _run, _configure)
