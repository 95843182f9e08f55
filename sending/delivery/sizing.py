"""How much one lease takes: a few seconds of a worker's work, so that what a lease costs is shared by many messages, and nobody waits
long for a turn where a pool is slow."""

from __future__ import annotations

from dataclasses import dataclass, field

LEASE_SECONDS = 5.0
MOST = 400  # larger ones keep the processor from single messages for longer, and spare little
USUAL = MOST  # before anything is known of a pool
LEAST = 50
TELLING = 20  # fewer messages say nothing about a pool's pace


def lease_size(messages: int, seconds: float) -> int:
    """Return how many messages the next lease takes, where the last took so many and so long."""
    return max(LEAST, min(MOST, int(messages * LEASE_SECONDS / max(seconds, 0.001))))


@dataclass(slots=True)
class Sizes:
    """What one worker's leases take, by pool."""

    _by_pool: dict[int, int] = field(default_factory=dict)

    def of(self, pool_id: int | None) -> int:
        """Return it for a pool; None: it isn't known yet by which pools the messages leave."""
        return USUAL if pool_id is None else self._by_pool.get(pool_id, USUAL)

    def note(self, pool_id: int, *, messages: int, seconds: float) -> None:
        """Note how long a lease took from its claim to its last reply."""
        if messages >= TELLING:
            self._by_pool[pool_id] = lease_size(messages, seconds)
