"""What an API call is, how it's routed, and the things that all calls share: lists in pages and expanded ids."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from posthouse.billing.double.books import Books, JsonObject
from posthouse.billing.double.params import Params
from posthouse.billing.double.problems import invalid
from posthouse.billing.double.shapes import listed

MAX_EXPAND_DEPTH = 4
# The members that hold another object's id and may be expanded.
EXPANDABLE = frozenset({"customer", "latest_invoice", "subscription", "product", "default_price", "invoice"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call to the API: whose books, what was asked, and where the pages of the double stand."""

    books: Books
    params: Params
    page: str


@dataclass(frozen=True, slots=True)
class Route:
    """One address. `{id}` in the pattern is passed on as `object_id`."""

    method: str
    pattern: str
    run: Callable[..., JsonObject]

    def matches(self, method: str, path: str) -> dict[str, str] | None:
        """Return the address's ids when this route answers it."""
        if method != self.method:
            return None
        found = re.fullmatch(self.pattern.replace("{id}", "(?P<object_id>[A-Za-z0-9_]{1,80})"), path)
        return found.groupdict() if found else None


def page_of(call: Call, found: Iterable[JsonObject], url: str) -> JsonObject:
    """Return one page of a list, newest first: `limit` (1 to 100, 10), `starting_after`, `ending_before`."""
    limit = call.params.whole("limit", 10) or 0
    after, before = call.params.text("starting_after"), call.params.text("ending_before")
    if not 1 <= limit <= 100:
        raise invalid("This value must be between 1 and 100.", param="limit", code="parameter_invalid_integer")
    rows = list(found)
    if before is not None:
        rows = rows[: _place(rows, before, "ending_before")][-limit:]
        return listed(rows, url, has_more=False)
    rows = rows[_place(rows, after, "starting_after") + 1 :] if after is not None else rows
    return listed(rows[:limit], url, has_more=len(rows) > limit)


def created_filter(call: Call, found: Iterable[JsonObject]) -> list[JsonObject]:
    """Keep what was made within `created[gt|gte|lt|lte]`."""
    inner = call.params.inner("created")
    bounds = {name: inner.whole(name) for name in ("gt", "gte", "lt", "lte")}
    inner.refuse_unknown()
    return [one for one in found if _within(one["created"], bounds)]


def _within(at: int, bounds: dict[str, int | None]) -> bool:
    gt, gte, lt, lte = bounds["gt"], bounds["gte"], bounds["lt"], bounds["lte"]
    return (gt is None or at > gt) and (gte is None or at >= gte) and (lt is None or at < lt) and (lte is None or at <= lte)


def _place(rows: list[JsonObject], object_id: str, param: str) -> int:
    for place, row in enumerate(rows):
        if row["id"] == object_id:
            return place
    raise invalid(f"No such object: '{object_id}'", param=param, code="resource_missing")


def expand(call: Call, answer: JsonObject) -> JsonObject:
    """Return a copy of the answer with the ids named by `expand[]` replaced by their objects."""
    paths = call.params.words("expand")
    answer = copy.deepcopy(answer)
    for path in paths:
        parts = path.split(".")
        if len(parts) > MAX_EXPAND_DEPTH + 1:
            raise invalid("You cannot expand more than 4 levels of a property.", param="expand")
        _expand(call.books, answer, parts, path)
    return answer


def _expand(books: Books, place: Any, parts: list[str], path: str) -> None:
    if isinstance(place, list):
        for item in place:
            _expand(books, item, parts, path)
        return
    head, *rest = parts
    if not isinstance(place, dict) or head not in place:
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    if head in EXPANDABLE and isinstance(place[head], str):
        place[head] = copy.deepcopy(books.objects[place[head]])
    elif not rest:
        if head in EXPANDABLE:
            return
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    if rest and place[head] is not None:
        _expand(books, place[head], rest, path)
