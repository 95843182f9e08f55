"""Structured logs: one JSON object a line with tenant, request and job ids; addresses never above debug level."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from structlog.contextvars import bind_contextvars, bound_contextvars, clear_contextvars, merge_contextvars

from posthouse.platform import clock

__all__ = ["bind_contextvars", "bound_contextvars", "clear_contextvars", "configure", "get"]


def _stamp(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["at"] = clock.now().isoformat(timespec="milliseconds")
    return event


class _Lines:
    """Writes a line, and drops it where it can't be written: a full disk under the log must not stop the work it tells of."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = exception = msg


def configure(*, level: str, as_json: bool, process: str) -> None:
    """Set up logging of this process, once at its start, to standard error."""
    renderer: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[merge_contextvars, structlog.processors.add_log_level, _stamp, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: _Lines(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=level.upper(), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s", force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # tells of every connection that it reads a revision
    bind_contextvars(process=process)


def get() -> Any:
    """Return the logger; the caller adds facts as keywords, never addresses above debug level."""
    return structlog.get_logger()
