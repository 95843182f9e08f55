"""What the dialogue of a submission asks; every answer that needs the database comes from a thread, never from the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import sqlalchemy as sa

from posthouse.inbound.listener import replies as common
from posthouse.inbound.listener.limits import Limits
from posthouse.inbound.submission import counter, replies
from posthouse.inbound.submission.counter import Access, KeyGone
from posthouse.platform import logs
from posthouse.platform.app import Core
from posthouse.platform.errors import AppError

T = TypeVar("T")
THREADS = 8


class Busy(Exception):
    """More asks than the threads get through."""


class Desk:
    """Shared by all connections of one service."""

    def __init__(self, app: Core, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self._threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="submission")
        self._waiting = 0

    async def sign_in(self, access: Access) -> str:
        """Return the reply to a key that was shown; 235 where it may send."""

        def act() -> str:
            scope = counter.sign_in(access)
            if scope is None:
                return replies.WRONG_KEY
            return replies.SIGNED_IN if counter.may_send(scope) else replies.MAY_NOT_SEND

        reply = await self._reply(act)
        return replies.NOT_NOW if reply in (common.BUSY, replies.DATABASE_AWAY) else reply

    async def handle_MAIL(self, server: Any, _session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        """Begin a message. The return path is ours, so the sender in the envelope decides nothing; the header From does."""
        if len(address) > 320:
            return common.BAD_ADDRESS

        def act() -> str:
            counter.begin(server.access)
            return common.OK

        reply = await self._reply(act)
        if reply == common.OK:
            envelope.mail_from = address or "<>"
            envelope.mail_options.extend(options)
        elif reply == replies.KEY_GONE:
            server.access = None
        return reply

    async def handle_RCPT(self, server: Any, _session: Any, envelope: Any, address: str, _options: list[str]) -> str:  # noqa: N802
        """Take a recipient who may be written to; others hear why, and the rest of the message goes on."""
        if len(envelope.rcpt_tos) >= self._limits.recipients:
            return common.TOO_MANY_RECIPIENTS
        if len(address) > 320:
            return common.BAD_ADDRESS

        def act() -> str:
            refusal = counter.ask(server.access, address)
            return common.OK if refusal is None else replies.of(refusal)

        reply = await self._reply(act)
        if reply == common.OK:
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep the message for all its recipients, then say so, with the ids under which it is kept."""
        access, recipients, raw = server.access, list(envelope.rcpt_tos), envelope.content
        reply = await self._reply(lambda: replies.taken(counter.take(access, recipients, raw)))
        if reply == replies.KEY_GONE:
            server.access = None
        # Each was asked for at RCPT. Nobody could say now which one it is, so the program asks again.
        return replies.CHANGED if "(recipient_suppressed)" in reply else reply

    async def handle_exception(self, error: Exception) -> str:
        """Answer a failure of ours without telling its inside (the broad catch of the SMTP edge)."""
        logs.get().error("submission.dialogue_failed", exc_info=error)
        return common.FAILED

    async def _reply(self, act: Callable[[], str]) -> str:
        try:
            return await self._in_thread(act)
        except Busy:
            return common.BUSY
        except KeyGone:
            return replies.KEY_GONE
        except AppError as refusal:
            return replies.of(refusal)
        except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as problem:
            logs.get().warning("submission.database_away", problem=str(problem)[:200])
            return replies.DATABASE_AWAY

    async def _in_thread(self, act: Callable[[], T]) -> T:
        if self._waiting >= self._limits.storing:
            raise Busy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._within, act)
        finally:
            self._waiting -= 1

    def _within(self, act: Callable[[], T]) -> T:
        with self._app.app_context():
            return act()

    def close(self) -> None:
        """Wait for what the threads are at."""
        self._threads.shutdown(wait=True)
