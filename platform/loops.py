"""Run an event loop: uvloop's where it exists (not on Windows), for it moves the same mail for half the processor time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from importlib.util import find_spec
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end, as asyncio.run does."""
    if find_spec("uvloop") is None:
        return asyncio.run(main)
    import uvloop  # noqa: PLC0415 - not on Windows

    return uvloop.run(main)
