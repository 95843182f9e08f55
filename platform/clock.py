"""The house's one clock. Every timestamp is made here, so a test can hold and move time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta


class Frozen:
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def move(self, **span: float) -> datetime:
        """Move on by `timedelta(**span)`; units are the keyword names (seconds=, days=)."""
        self.at += timedelta(**span)
        return self.at


_frozen: Frozen | None = None


def now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return _frozen.at if _frozen is not None else datetime.now(UTC)


def monotonic() -> float:
    """Return seconds that never run backwards; for deadlines inside one process, never stored."""
    return time.monotonic()


@contextmanager
def frozen(at: datetime) -> Iterator[Frozen]:
    """Hold the clock at `at` (aware); for tests and simulations."""
    global _frozen  # noqa: PLW0603 - one clock is the point
    if at.tzinfo is None:
        raise ValueError("the clock takes aware datetimes only")
    before, _frozen = _frozen, Frozen(at.astimezone(UTC))
    try:
        yield _frozen
    finally:
        _frozen = before
