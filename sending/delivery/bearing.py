"""How many connections a server bears: where it refuses a further one, fewer are opened for a while, then one more is tried."""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.platform import clock

FIRST_PAUSE_SECONDS = 15.0
LONGEST_PAUSE_SECONDS = 600.0


@dataclass(slots=True)
class Bearing:
    """What one worker has learned. `most` None: as many as may be."""

    most: int | None = None
    again_at: float = 0.0  # monotonic: when one more is worth a try
    pause_seconds: float = 0.0

    def refused(self, open_now: int) -> None:
        """Note that the server let no further one in while so many were open."""
        self.most = max(1, open_now)
        now = clock.monotonic()
        if now >= self.again_at:  # several may be refused at once
            self.pause_seconds = min(max(2 * self.pause_seconds, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
            self.again_at = now + self.pause_seconds

    def accepted(self, open_now: int) -> None:
        """Note that so many are open now: a further one may be tried at half the pause."""
        if self.most is not None and open_now > self.most:
            self.most = open_now
            self.pause_seconds /= 2
            self.again_at = clock.monotonic() + self.pause_seconds

    def limit(self, most: int) -> int:
        """Return how many may be open, of so many that would be."""
        if self.most is None:
            return most
        return min(most, self.most + (clock.monotonic() >= self.again_at))
