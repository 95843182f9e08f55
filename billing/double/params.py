"""One call's parameters, read strictly: each is asked for by name and type, and what nobody asked for is refused, as Stripe does."""

from __future__ import annotations

import re
from typing import Any

from posthouse.billing.double.problems import invalid

_ANYWHERE = frozenset({"expand", "metadata"})
_WHOLE = re.compile(r"-?[0-9]{1,15}")


class Params:
    """The parameters of one call (or of one nested object in it)."""

    def __init__(self, values: dict[str, Any], *, prefix: str = "") -> None:
        self.values = values
        self.prefix = prefix
        self.asked: set[str] = set(_ANYWHERE)

    def name(self, key: str) -> str:
        """Return the parameter's full name as the caller wrote it."""
        return f"{self.prefix}[{key}]" if self.prefix else key

    def text(self, key: str, default: str | None = None) -> str | None:
        """Return a text; the default when it's absent, None when it's given empty (Stripe's way to unset)."""
        self.asked.add(key)
        value = self.values.get(key, default)
        if value is not None and not isinstance(value, str):
            raise invalid(f"Invalid string: {self.name(key)}", param=self.name(key))
        return value or None

    def needed(self, key: str) -> str:
        """Return a text that must be there."""
        value = self.text(key)
        if value is None:
            raise invalid(f"Missing required param: {self.name(key)}.", param=self.name(key), code="parameter_missing")
        return value

    def choice(self, key: str, allowed: tuple[str, ...], default: str | None = None) -> str | None:
        """Return one of a few words."""
        value = self.text(key, default)
        if value is not None and value not in allowed:
            raise invalid(f"Invalid {self.name(key)}: must be one of {', '.join(allowed)}", param=self.name(key))
        return value

    def whole(self, key: str, default: int | None = None) -> int | None:
        """Return a whole number."""
        value = self.text(key)
        if value is None:
            return default
        if _WHOLE.fullmatch(value) is None:
            raise invalid(f"Invalid integer: {value[:40]}", param=self.name(key), code="parameter_invalid_integer")
        return int(value)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return a truth value, written `true` or `false`."""
        value = self.text(key)
        if value is None:
            return default
        if value not in {"true", "false"}:
            raise invalid(f"Invalid boolean: {value[:40]}", param=self.name(key))
        return value == "true"

    def inner(self, key: str) -> Params:
        """Return a nested object's parameters; empty ones when it's absent."""
        self.asked.add(key)
        value = self.values.get(key) or {}
        if not isinstance(value, dict):
            raise invalid(f"Invalid object: {self.name(key)}", param=self.name(key))
        return Params(value, prefix=self.name(key))

    def each(self, key: str) -> list[Params]:
        """Return a list of nested objects' parameters; empty when it's absent."""
        self.asked.add(key)
        value = self.values.get(key) or []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise invalid(f"Invalid array: {self.name(key)}", param=self.name(key))
        return [Params(item, prefix=f"{self.name(key)}[{number}]") for number, item in enumerate(value)]

    def words(self, key: str) -> list[str]:
        """Return a list of texts; empty when it's absent."""
        self.asked.add(key)
        value = self.values.get(key) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise invalid(f"Invalid array: {self.name(key)}", param=self.name(key))
        return value

    def metadata(self) -> dict[str, str] | None:
        """Return the metadata, None when none is given. Stripe's limits: 50 keys of 40 characters, values of 500."""
        given = self.values.get("metadata")
        if given is None:
            return None
        if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
            raise invalid("Invalid metadata", param=self.name("metadata"))
        if len(given) > 50 or any(len(key) > 40 or len(value) > 500 for key, value in given.items()):
            raise invalid("Metadata may have 50 keys of 40 characters with values of 500.", param=self.name("metadata"))
        return given

    def refuse_unknown(self) -> None:
        """Raise for the first parameter that nobody asked for. Called once all were read."""
        for key in self.values:
            if key not in self.asked:
                raise invalid(f"Received unknown parameter: {self.name(key)}", param=self.name(key), code="parameter_unknown")
