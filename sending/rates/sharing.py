"""How workers share the connections that a route may have, to all or to one provider; pure: all workers come to the same answer.

Single messages get the first connection and campaigns the second; after these everybody gets one in turn, until all have what
they want. Where single messages use a route now and then, one of its connections is left to them also while they don't.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

FIRST = "transactional"
KEPT = ""  # stands for single messages that may come at any moment, as a worker that wants one connection


@dataclass(frozen=True, slots=True)
class Claim:
    """What a worker has (`held`) and would have (`wanted`) of a limit."""

    worker: str
    stream: str
    held: int
    wanted: int


def share(limit: int, claims: Iterable[Claim], *, turn: int | None = None) -> dict[str, int]:
    """Return how many connections each worker may have.

    Where not all get one, who has one keeps it; with a `turn` (a number that grows) the order changes with it instead.
    """
    known = _with_kept(limit, claims)
    if sum(one.wanted for one in known) <= limit:
        return {one.worker: one.wanted for one in known}
    line = sorted(known, key=lambda one: (one.stream != FIRST, _order(one, turn), one.worker))
    shares = dict.fromkeys((one.worker for one in line), 0)
    for of_first in (True, False):
        wanting = next((one for one in line if (one.stream == FIRST) is of_first and one.wanted), None)
        if wanting is not None and sum(shares.values()) < limit:
            shares[wanting.worker] = 1
    for _ in range(limit - sum(shares.values())):
        wanting = min((one for one in line if shares[one.worker] < one.wanted), key=lambda one: shares[one.worker], default=None)
        if wanting is None:
            break
        shares[wanting.worker] += 1
    return shares


def excess(limit: int, claims: Sequence[Claim], worker: str, *, turn: int | None = None) -> int:
    """Return how many connections a worker has to give up, since another that lacks some has more right to them."""
    shares = share(limit, claims, turn=turn)
    known = _with_kept(limit, claims)
    lacking = sum(max(0, shares[one.worker] - one.held) for one in known if one.worker != worker)
    free = max(0, limit - sum(one.held for one in claims))
    mine = next((one.held for one in claims if one.worker == worker), 0)
    return max(0, min(mine - shares.get(worker, 0), lacking - free))


def _order(claim: Claim, turn: int | None) -> int:
    return -min(claim.held, 1) if turn is None else zlib.crc32(f"{turn}:{claim.worker}".encode())


def _with_kept(limit: int, claims: Iterable[Claim]) -> list[Claim]:
    """Give the place that is kept for single messages its wish: one of at least two, unless a worker of theirs wants any."""
    known = list(claims)
    real = [one for one in known if one.worker != KEPT]
    if len(real) == len(known) or limit < 2:
        return real
    of_first = [one for one in real if one.stream == FIRST]
    wanted = 0 if any(one.wanted for one in of_first) else 1
    return [*real, Claim(KEPT, FIRST, min(1, sum(one.held for one in of_first)), wanted)]
