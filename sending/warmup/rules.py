"""What a warm-up allows; pure."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files

from posthouse.platform.errors import Invalid

# A stage is passed when this share of it was sent (SparkPost: more than 90 %).
PASSED = 0.9
MOST_STAGES = 100
MOST_A_DAY = 100_000_000
# What is claimed may still leave for so long: in the last minutes of a day nothing more is claimed for a warming route, so
# that no day's messages leave on the next.
QUIET = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Plan:
    """A named row of stages, messages a day."""

    key: str
    name: str
    stages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """A day's stage, counted from 0. `allowed` None: past the last one, warm."""

    number: int
    allowed: int | None


@cache
def plans() -> Mapping[str, Plan]:
    """Return the plans that come with the software."""
    raw = tomllib.loads((files(__package__) / "plans.toml").read_text("utf-8"))
    return {key: Plan(key, values["name"], tuple(values["stages"])) for key, values in raw.items()}


def read_stages(text: str) -> tuple[int, ...]:
    """Read a plan of one's own: numbers a day, separated by commas, spaces or lines. Raises: Invalid."""
    words = text.replace(";", " ").replace("\n", " ").replace(", ", " ").split()
    numbers = [word.strip(",").replace(",", "").replace("_", "") for word in words]
    if not numbers or len(numbers) > MOST_STAGES or not all(word.isascii() and word.isdigit() and len(word) < 10 for word in numbers):
        raise Invalid("stages_malformed", f"Write 1 to {MOST_STAGES} whole numbers, messages a day, such as 200 500 1000.", field="stages")
    stages = tuple(int(word) for word in numbers)
    if not all(1 <= stage <= MOST_A_DAY for stage in stages) or list(stages) != sorted(stages):
        raise Invalid("stages_malformed", "Each day's number is at least 1, and none is smaller than the one before.", field="stages")
    return stages


def next_stage(stages: Sequence[int], last: Stage | None, used: int) -> Stage:
    """Return the stage after a day at `last` on which `used` messages were sent; None is before the first day."""
    number = 0 if last is None else last.number
    if last is not None and last.allowed is not None and used >= math.ceil(PASSED * last.allowed):
        number += 1
    return Stage(number, stages[number] if number < len(stages) else None)


def is_quiet(now: datetime) -> bool:
    """Whether the day ends too soon to begin anything on a warming route."""
    return (now + QUIET).date() != now.date()


def tomorrow(day: date) -> datetime:
    """Return when the day after begins, UTC."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def shares(count: int, weights: Mapping[int, int], beside: int) -> dict[int, int]:
    """Say how many of `count` messages each warming route should get by weight; `beside` is the weight of routes that are warm."""
    total = sum(weights.values()) + beside
    made: dict[int, int] = {}
    left = count
    for route, weight in sorted(weights.items()):
        made[route] = min(left, math.ceil(count * weight / total))
        left -= made[route]
    return made


def allot(count: int, left: Mapping[int, int | None], weights: Mapping[int, int], beside: int) -> dict[int, int]:
    """Say how many of `count` messages each warming route gets: its share, as far as its stage goes (`left`, None: no bound).

    Where no warm route stands beside them, what one can't take goes to the next.
    """
    room = {route: count if most is None else max(0, most) for route, most in left.items()}
    made = {route: min(share, room[route]) for route, share in shares(count, weights, beside).items()}
    rest = 0 if beside else count - sum(made.values())
    for route in sorted(made):
        more = min(rest, room[route] - made[route])
        made[route] += more
        rest -= more
    return made
