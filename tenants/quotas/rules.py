"""Which window an instant falls in, and how much may be taken from a set of windows; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Layer(StrEnum):
    """Whose limit it is. Taken in this order, always, so that two takers never wait for each other."""

    OPERATOR = "operator"
    RESELLER = "reseller"
    TENANT = "tenant"


class Period(StrEnum):
    """How long a window lasts. Windows are calendar months, days and hours in UTC."""

    MONTH = "month"
    DAY = "day"
    HOUR = "hour"


@dataclass(frozen=True, slots=True)
class Window:
    """One window's state. `allowed` None means no limit."""

    layer: Layer
    period: Period
    starts_at: datetime
    allowed: int | None
    reserved: int
    used: int

    @property
    def remaining(self) -> int | None:
        """How much may still be taken; None without a limit; 0 also where a limit was lowered below what was taken."""
        return None if self.allowed is None else max(0, self.allowed - self.used - self.reserved)

    @property
    def resets_at(self) -> datetime:
        """When the next window begins."""
        return window_end(self.period, self.starts_at)


@dataclass(frozen=True, slots=True)
class Binding:
    """The limit that gave less than was wanted, and when it gives again."""

    layer: Layer
    period: Period
    allowed: int
    resumes_at: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """How much was granted; `binding` is None when all was."""

    amount: int
    binding: Binding | None = None


def window_start(period: Period, at: datetime) -> datetime:
    """Return the start of the window that `at` (aware, UTC) falls in."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    if period is Period.HOUR:
        return hour
    day = hour.replace(hour=0)
    return day if period is Period.DAY else day.replace(day=1)


def window_end(period: Period, starts_at: datetime) -> datetime:
    """Return the start of the window after the one that starts at `starts_at`."""
    if period is Period.HOUR:
        return starts_at + timedelta(hours=1)
    if period is Period.DAY:
        return starts_at + timedelta(days=1)
    return (starts_at + timedelta(days=32)).replace(day=1)


def grant(wanted: int, windows: Iterable[Window]) -> Grant:
    """Grant as much as the strictest window leaves; of equally strict ones the one that ends last is named."""
    amount, binding = wanted, None
    for window in windows:
        left = window.remaining
        if left is None or window.allowed is None or left > amount or (left == amount and binding is None):
            continue
        if left < amount or (binding is not None and window.resets_at > binding.resumes_at):
            amount, binding = left, Binding(window.layer, window.period, window.allowed, window.resets_at)
    return Grant(amount, binding)
