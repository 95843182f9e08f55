"""Write together what many acts of one transaction would write one by one.

Services hand their rows to `together`. Outside `gathering` it writes at once; inside, it waits for the end of the block, and
what was handed to the same writer becomes one statement. Acts and their order stay the same, only the statements are fewer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from posthouse.platform.db import session
from posthouse.platform.scope import Scope

T = TypeVar("T")


_Writer = Callable[[Scope, list[Any]], object]


@dataclass(slots=True)
class _Waiting:
    turn: int
    items: list[Any] = field(default_factory=list)


_gathered: ContextVar[dict[_Writer, _Waiting] | None] = ContextVar("posthouse_gathered", default=None)


@contextmanager
def gathering(scope: Scope) -> Iterator[None]:
    """Gather until the end of the block, which must lie inside `transaction(scope)`; nothing is written when it raises."""
    session(scope)
    waiting: dict[_Writer, _Waiting] = {}
    token = _gathered.set(waiting)
    try:
        yield
        while waiting:  # a writer may hand on to others
            write = min(waiting, key=lambda one: waiting[one].turn)
            write(scope, waiting.pop(write).items)
    finally:
        _gathered.reset(token)


def together(scope: Scope, write: Callable[[Scope, list[T]], object], item: T, *, turn: int) -> None:
    """Have `write(scope, items)` called with this item, and the others of its kind.

    `turn`: writers with a lower one write first, so that all transactions take their locks in one order.
    """
    waiting = _gathered.get()
    if waiting is None:
        write(scope, [item])
        return
    waiting.setdefault(write, _Waiting(turn)).items.append(item)


def write_now(scope: Scope, write: Callable[[Scope, list[Any]], object]) -> None:
    """Have what waits for this writer written now, because what follows looks at it; nothing happens where nothing waits."""
    waiting = _gathered.get()
    if waiting and write in waiting:
        write(scope, waiting.pop(write).items)
