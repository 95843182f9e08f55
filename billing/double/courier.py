"""Takes events to the webhook endpoints: signed, tried again, and on demand held back, repeated, shuffled or lost."""

from __future__ import annotations

import hashlib
import heapq
import hmac
import itertools
import json
import random
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field, replace

from posthouse.billing.double.books import Books, JsonObject, timestamp
from posthouse.platform import clock

TIMEOUT_SECONDS = 10.0
# Stripe tries for three days; here a day is half a second, so that a rehearsal sees the end of it.
RETRY_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0)


@dataclass(frozen=True, slots=True)
class Habits:
    """How deliveries behave. `hold` keeps them until released; `repeats` sends each again; `spread_seconds` delays each by chance; `lose` drops the next."""

    hold: bool = False
    repeats: int = 0
    spread_seconds: float = 0.0
    lose: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver. `status` is None when nothing answered."""

    event_id: str
    event_type: str
    url: str
    status: int | None
    number: int


@dataclass(order=True, slots=True)
class _Parcel:
    due: float
    order: int
    url: str = field(compare=False)
    secrets: tuple[str, ...] = field(compare=False)
    event: JsonObject = field(compare=False)
    tries: int = field(compare=False, default=0)


def sign(secrets: tuple[str, ...], body: bytes, *, at: int) -> str:
    """Return the Stripe-Signature header: HMAC-SHA-256 over `<t>.<body>`, one v1 for each secret in use."""
    macs = [hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={at}", *(f"v1={mac}" for mac in macs), "v0=" + "0" * 64])


def encode(event: JsonObject) -> bytes:
    """Return the body as Stripe sends it: indented JSON."""
    return json.dumps(event, indent=2, ensure_ascii=False).encode()


class Courier:
    """One thread that delivers in order of time due. A failed parcel waits for its next try without holding up the others."""

    def __init__(self, *, retry_seconds: tuple[float, ...] = RETRY_SECONDS) -> None:
        self.habits = Habits()
        self.attempts: list[Attempt] = []
        self._retry_seconds = retry_seconds
        self._heap: list[_Parcel] = []
        self._held: list[_Parcel] = []
        self._order = itertools.count()
        self._chance = random.Random(0)  # noqa: S311 - the same seed shall shuffle alike
        self._busy = False
        self._stopping = False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="stripe-double-courier", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the try that is under way."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        self._thread.join(timeout=TIMEOUT_SECONDS + 1)

    def behave(self, habits: Habits) -> None:
        """Take new habits for the events to come."""
        with self._wake:
            self.habits = habits
            self._chance = random.Random(habits.seed)  # noqa: S311

    def take(self, books: Books, event: JsonObject) -> None:
        """Accept an event for every enabled endpoint of the account that wants it."""
        with self._wake:
            if self.habits.lose > 0:
                self.habits = replace(self.habits, lose=self.habits.lose - 1)
                return
            for endpoint in books.each("webhook_endpoint", status="enabled"):
                if {"*", event["type"]} & set(endpoint["enabled_events"]):
                    self._accept(endpoint, event)
            self._wake.notify_all()

    def _accept(self, endpoint: JsonObject, event: JsonObject) -> None:
        for _ in range(1 + self.habits.repeats):
            due = clock.monotonic() + self._chance.uniform(0, self.habits.spread_seconds)
            parcel = _Parcel(due, next(self._order), endpoint["url"], tuple(endpoint["_secrets"]), event)
            if self.habits.hold:
                self._held.append(parcel)
            else:
                heapq.heappush(self._heap, parcel)

    def release(self, *, shuffle: bool) -> int:
        """Send what was held back, as it came or shuffled by the habits' seed; say how many."""
        with self._wake:
            held, self._held = self._held, []
            if shuffle:
                self._chance.shuffle(held)
            for parcel in held:
                parcel.due, parcel.order = clock.monotonic(), next(self._order)
                heapq.heappush(self._heap, parcel)
            self._wake.notify_all()
            return len(held)

    def waiting(self) -> int:
        """Say how many deliveries are still to be made, those held back not counted."""
        with self._wake:
            return len(self._heap) + self._busy

    def settled(self, *, timeout_seconds: float) -> bool:
        """Wait until nothing is left to deliver; say whether that came in time."""
        with self._wake:
            return self._wake.wait_for(lambda: not self._heap and not self._busy, timeout_seconds)

    def _run(self) -> None:
        while (parcel := self._next()) is not None:
            status = _post(parcel)
            with self._wake:
                parcel.tries += 1
                self.attempts.append(Attempt(parcel.event["id"], parcel.event["type"], parcel.url, status, parcel.tries))
                if (status is None or status >= 300) and parcel.tries <= len(self._retry_seconds):
                    parcel.due = clock.monotonic() + self._retry_seconds[parcel.tries - 1]
                    heapq.heappush(self._heap, parcel)
                self._busy = False
                self._wake.notify_all()

    def _next(self) -> _Parcel | None:
        with self._wake:
            while not self._stopping:
                wait = self._heap[0].due - clock.monotonic() if self._heap else None
                if wait is not None and wait <= 0:
                    self._busy = True
                    return heapq.heappop(self._heap)
                self._wake.wait(wait)
            return None


def _post(parcel: _Parcel) -> int | None:
    body = encode(parcel.event)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": sign(parcel.secrets, body, at=timestamp()),
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }
    request = urllib.request.Request(parcel.url, data=body, headers=headers, method="POST")  # noqa: S310 - http and https only: checked on creation
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code
    except OSError:
        return None
