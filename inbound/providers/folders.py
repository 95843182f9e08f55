"""Take accounting files out of a folder: each piece kept once, then the file is moved aside; a kill in between repeats harmlessly."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from posthouse.inbound.providers import powermta
from posthouse.inbound.providers.catalogue import PROVIDERS
from posthouse.inbound.providers.models import ProviderHook
from posthouse.inbound.providers.queries import PREFIX
from posthouse.inbound.providers.services import Hook, find_hook, keep_piece
from posthouse.inbound.providers.values import Unreadable
from posthouse.inbound.retention.forgotten import blank_file
from posthouse.platform import clock, ids, logs
from posthouse.platform.app import settings
from posthouse.platform.db import transaction
from posthouse.platform.scope import Scope, system

SETTLED_SECONDS = 10.0
"""A file that was changed a moment ago may still be written to."""
RUN_SECONDS = 240.0
_UNFINISHED = (".tmp", ".part", ".partial", ".swp")


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one file. `why` None: all of it was taken."""

    name: str
    new: int
    known: int
    why: str | None = None


def folder_of(public_id: str) -> Path:
    """Where files for a hook are put."""
    return settings().data / "accounting" / public_id


def take_files(scope: Scope) -> None:
    """Look into every folder once. Periodic; may be repeated and stopped anywhere."""
    with transaction(scope) as live:
        rows = live.execute(sa.select(ProviderHook.id, ProviderHook.provider).order_by(ProviderHook.id)).all()
    until = clock.monotonic() + RUN_SECONDS
    for hook_id, provider in rows:
        if provider in PROVIDERS and PROVIDERS[provider].files:
            public_id = ids.encode(PREFIX, hook_id)
            hook = find_hook(provider, public_id)
            if hook is not None:
                empty(hook, folder_of(public_id), until)


def empty(hook: Hook, folder: Path, until: float) -> list[Taken]:
    """Take the files that are finished, oldest name first, until the monotonic instant `until`."""
    folder.mkdir(parents=True, exist_ok=True)
    taken: list[Taken] = []
    for path in sorted(folder.iterdir()):
        if clock.monotonic() > until:
            break
        if _is_finished(path):
            taken.append(_take(hook, path))
            logs.get().info("inbound.accounting_file", file=path.name, new=taken[-1].new, known=taken[-1].known, why=taken[-1].why)
    return taken


def _is_finished(path: Path) -> bool:
    if path.name.startswith(".") or path.suffix in _UNFINISHED or path.is_symlink() or not path.is_file():
        return False
    return clock.now().timestamp() - path.stat().st_mtime >= SETTLED_SECONDS


def _take(hook: Hook, path: Path) -> Taken:
    new = known = 0
    why = None
    try:
        with _opened(path) as stream:
            for piece in powermta.pieces(stream):
                kept = keep_piece(hook, f"file:{path.name}", piece)
                new, known = new + kept, known + (not kept)
    except Unreadable as problem:
        why = str(problem)
    except OSError as problem:
        why = f"it cannot be read: {problem.strerror or problem}"
    aside = _move_aside(path, "done" if why is None else "refused", why)
    blank_file(system("accounting file"), aside)
    return Taken(path.name, new, known, why)


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedIOBase]:
    with path.open("rb") as plain:
        if plain.read(2) != b"\x1f\x8b":
            plain.seek(0)
            yield plain
            return
        plain.seek(0)
        with gzip.open(plain, "rb") as unpacked:
            yield unpacked


def _move_aside(path: Path, where: str, why: str | None) -> Path:
    # The name is kept, with a number when one of that name is there: nothing of the operator's is overwritten.
    aside = path.parent / where
    aside.mkdir(exist_ok=True)
    goal, number = aside / path.name, 1
    while goal.exists():
        goal, number = aside / f"{path.name}.{number}", number + 1
    path.replace(goal)
    if why is not None:
        goal.with_name(goal.name + ".why").write_text(why + "\n", encoding="utf-8")
    return goal
