"""Ends the process that it runs in, with SIGKILL, at one named point of delivery; for forked children only."""

from __future__ import annotations

import functools
import inspect
import os
import signal
from collections.abc import Callable
from typing import Any

from posthouse.platform.db import HouseSession
from posthouse.sending.delivery import claiming, journal, lane, settlement, sweeper, ways
from posthouse.sending.delivery.channel import Channel
from posthouse.sending.delivery.journal import Journal

Cut = Callable[[], None]


def die(*_: object, **__: object) -> None:
    """End here, without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str) -> Cut:
    """Cut when `owner.name` is called."""
    return lambda: setattr(owner, name, die)


def after(owner: Any, name: str) -> Cut:
    """Cut when `owner.name` has returned."""

    def cut() -> None:
        whole = getattr(owner, name)

        @functools.wraps(whole)
        def plain(*args: Any, **kwargs: Any) -> None:
            die(whole(*args, **kwargs))

        @functools.wraps(whole)
        async def waiting(*args: Any, **kwargs: Any) -> None:
            die(await whole(*args, **kwargs))

        setattr(owner, name, waiting if inspect.iscoroutinefunction(whole) else plain)

    return cut


def in_the_body() -> None:
    """Cut when half of a body is written."""
    intend, write = Journal.intend, Channel.write
    begun = []

    def noted(self: Journal, *args: int) -> None:
        intend(self, *args)
        begun.append(args)

    def half(self: Channel, data: bytes, more: bytes = b"", *, replies: int) -> None:
        if begun:
            self._transport.write(data[: len(data) // 4])
            self._loop.call_soon(lambda: self._loop.call_soon(die))
            return
        write(self, data, more, replies=replies)

    Journal.intend, Channel.write = noted, half  # type: ignore[method-assign]


def reply_written() -> None:
    """Cut when a final reply is on record and nothing has happened since."""
    record = Journal.record

    def noted(self: Journal, *args: Any) -> None:
        record(self, *args)
        self.flush()
        die()

    Journal.record = noted  # type: ignore[method-assign]


def committing(owner: Any, name: str) -> Cut:
    """Cut when the COMMIT of the transaction in which `owner.name` was called is on its way and nobody has heard an answer."""

    def cut() -> None:
        whole, called = getattr(owner, name), []

        def noted(*args: Any, **kwargs: Any) -> Any:
            called.append(name)
            return whole(*args, **kwargs)

        def commit(self: HouseSession) -> None:
            if not called:
                plain_commit(self)
                return
            self.flush()
            raw = self.connection().connection.driver_connection.pgconn
            raw.send_query(b"COMMIT")
            raw.flush()
            die()

        plain_commit = HouseSession.commit
        setattr(owner, name, noted)
        HouseSession.commit = commit  # type: ignore[method-assign]

    return cut


# The named points of a lease's life, in its order.
WORKER: dict[str, Cut] = {
    "K1 before the claim": before(lane, "claim"),
    "K2 rows locked, before the quota": before(claiming, "_drop_unfit"),
    "K3 lease inserted": before(journal, "create"),
    "K4 journal named, before COMMIT": after(journal, "create"),
    "K5 COMMIT of the claim sent": committing(journal, "create"),
    "K6 after COMMIT": after(lane, "claim"),
    "K6 before the connection": before(ways, "open_channel"),
    "K7 after EHLO": after(ways, "open_channel"),
    "K8 recipient taken, before the intent": before(Journal, "intend"),
    "K9 intent written": after(Journal, "intend"),
    "K10 in the body": in_the_body,
    "K12 reply read": before(Journal, "record"),
    "K12 reply read, not written yet": after(Journal, "record"),
    "K13 reply written": reply_written,
    "K14 in the settlement": before(settlement.quotas, "settle"),
    "K15 COMMIT of the settlement sent": committing(settlement.quotas, "settle"),
    "K15 settled, nothing after": after(lane, "settle"),
    "K16 before the journal is removed": before(Journal, "remove"),
}
SWEEPER: dict[str, Cut] = {
    "K17a journal locked": after(journal, "_take"),
    "K17b journal read": after(journal, "parse"),
    "K17c in the settlement": before(settlement.quotas, "settle"),
    "K17c COMMIT sent": committing(settlement.quotas, "settle"),
    "K17d before the journal is removed": after(sweeper, "_settled"),
}
