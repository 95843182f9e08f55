"""One account's books: every object by id, its events, and how each customer's payments turn out."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from posthouse.billing.double.problems import no_such
from posthouse.platform import clock

JsonObject = dict[str, Any]

# The version that the pinned SDK speaks; a test holds the two together.
API_VERSION = "2026-10-28.endive"

PAYS = "succeeds"
DECLINES = "declines"


def timestamp() -> int:
    """Return the present second, as Stripe writes time."""
    return int(clock.now().timestamp())


@dataclass
class Books:
    """Everything that one account holds. The caller holds the house's lock."""

    account_id: str
    livemode: bool
    announce: Callable[[Books, JsonObject], None]
    objects: dict[str, JsonObject] = field(default_factory=dict)
    events: list[JsonObject] = field(default_factory=list)
    payments: dict[str, str] = field(default_factory=dict)
    invoice_numbers: int = 0

    def new_id(self, prefix: str) -> str:
        """Make an id that looks like Stripe's."""
        return f"{prefix}_{secrets.token_hex(12)}"

    def add(self, made: JsonObject, event: str | None = None) -> JsonObject:
        """Keep a new object and announce it."""
        self.objects[made["id"]] = made
        if event is not None:
            self.emit(event, made)
        return made

    def find(self, kind: str, object_id: str | None, *, param: str = "id") -> JsonObject:
        """Return the object of that kind. Raises: Problem, the same for an id of another kind or account."""
        found = self.objects.get(object_id or "")
        if found is None or found["object"] != kind:
            raise no_such(kind.replace(".", " ").replace("_", " "), object_id or "", param=param)
        return found

    def each(self, kind: str, **equal: Any) -> Iterator[JsonObject]:
        """Yield the objects of a kind with these values, newest first; a filter that is None is none."""
        wanted = {key: value for key, value in equal.items() if value is not None}
        for found in reversed(self.objects.values()):
            if found["object"] == kind and all(found.get(key) == value for key, value in wanted.items()):
                yield found

    def change(self, found: JsonObject, event: str | None, **values: Any) -> None:
        """Set values; announce the change with what was there before, when anything changed."""
        before = {key: found.get(key) for key, value in values.items() if found.get(key) != value}
        if not before:
            return
        found.update(values)
        if event is not None:
            self.emit(event, found, previous=before)

    def emit(self, kind: str, about: JsonObject, previous: JsonObject | None = None) -> JsonObject:
        """Write an event with a copy of the object as it is now, and hand it to the webhooks."""
        data: JsonObject = {"object": copy.deepcopy(about)}
        if previous is not None:
            data["previous_attributes"] = copy.deepcopy(previous)
        event = {
            "id": self.new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": timestamp(),
            "data": data,
            "livemode": self.livemode,
            "pending_webhooks": 0,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }
        self.events.append(event)
        self.announce(self, event)
        return event

    def pays(self, customer_id: str) -> bool:
        """Say whether this customer's next payment goes through."""
        return self.payments.get(customer_id, PAYS) == PAYS
