"""Count in memory, and write the sums down every few seconds: a flood of forged mail must not wait for one row of a table."""

from __future__ import annotations

import threading
from collections import Counter

from sqlalchemy.dialects.postgresql import insert

from posthouse.inbound.tally.models import InboundTally
from posthouse.platform import clock
from posthouse.platform.db import session, transaction
from posthouse.platform.scope import system

REFUSED = "refused-token"
"""A recipient at one of our domains whose token is not genuine: refused at RCPT, so nothing of the mail was taken."""
FLUSH_SECONDS = 5.0


class Tally:
    """The counts of one process that are not written down yet; a kill loses the last seconds of them, and nothing else."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._flushed_at = 0.0

    def count(self, what: str, mails: int = 1) -> None:
        """Count; never waits for anything outside this process."""
        if mails:
            with self._lock:
                self._counts[what] += mails

    def flush(self, *, now: bool = False) -> None:
        """Write down what was counted, at most every few seconds unless `now`. Opens its own transaction. Raises what the database raises, and then keeps counting."""
        if not now and clock.monotonic() - self._flushed_at < FLUSH_SECONDS:
            return
        with self._lock:
            counts, self._counts = self._counts, Counter()
        self._flushed_at = clock.monotonic()
        if not counts:
            return
        try:
            _write(counts)
        except BaseException:
            with self._lock:
                self._counts += counts
            raise


def _write(counts: Counter[str]) -> None:
    scope, day = system("inbound tally"), clock.now().date()
    # In one order, so that two processes never wait for each other in a circle.
    rows = [{"day": day, "what": what, "mails": mails} for what, mails in sorted(counts.items())]
    statement = insert(InboundTally)
    added = {"mails": InboundTally.mails + statement.excluded.mails}
    with transaction(scope):
        session(scope).execute(statement.on_conflict_do_update(index_elements=["day", "what"], set_=added), rows)


TALLY = Tally()
"""This process's."""
