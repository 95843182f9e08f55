"""Say which mailbox provider a recipient's domain belongs to: by its name, else by the servers that take its mail; pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files

from posthouse.platform.errors import Invalid

OTHER = "other"
MOST_NAMES = 500
_KEY = re.compile(r"[a-z][a-z0-9]{1,29}")
# RFC 1035 section 2.3.1, as ASCII (RFC 5890 section 2.3.2.1); the last label may be "*".
_DOMAIN = re.compile(r"(?=.{3,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+(?:[a-z0-9-]{2,63}|\*)")


@dataclass(frozen=True, slots=True)
class Group:
    """A mailbox provider. `domains` ending in ".*" stand for every public ending; `mx` are endings of its servers' names."""

    key: str
    name: str
    domains: tuple[str, ...]
    mx: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Book:
    """All groups, ready to be asked."""

    groups: Mapping[str, Group]
    exact: Mapping[str, str] = field(repr=False)
    wide: Mapping[str, str] = field(repr=False)

    def by_name(self, domain: str) -> str | None:
        """Return the key of the group that names a domain, None where none does."""
        name = domain.strip(".").lower()
        found = self.exact.get(name)
        if found is not None:
            return found
        first, _, ending = name.partition(".")
        # co.uk, com.br: an ending has at most two parts, or "yahoo.example.com" would count as Yahoo's.
        return self.wide.get(first) if ending and _is_public(ending) else None

    def by_mx(self, host: str) -> str:
        """Return the key of the group whose server that is, "other" where it is nobody's."""
        name = host.strip(".").lower()
        for group in self.groups.values():
            if any(name == ending or name.endswith(f".{ending}") for ending in group.mx):
                return group.key
        return OTHER

    @property
    def names(self) -> Mapping[str, str]:
        """What people call each group, by key."""
        return {key: group.name for key, group in self.groups.items()} | {OTHER: "All others"}


def book(groups: Iterable[Group]) -> Book:
    """Make a book of groups."""
    by_key = {group.key: group for group in groups}
    every = [(domain, group.key) for group in by_key.values() for domain in group.domains]
    wide = {domain.removesuffix(".*"): key for domain, key in every if domain.endswith(".*")}
    return Book(by_key, {domain: key for domain, key in every if not domain.endswith(".*")}, wide)


@cache
def built_in() -> Mapping[str, Group]:
    """Return the groups that come along, by key."""
    raw = tomllib.loads((files(__package__) / "groups.toml").read_text("utf-8"))
    return {key: Group(key, values["name"], tuple(values["domains"]), tuple(values.get("mx", ()))) for key, values in raw.items()}


@cache
def _own_book() -> Book:
    return book(built_in().values())


@lru_cache(maxsize=10_000)
def group_of(domain: str) -> str:
    """Return the key of the group that came along and names the domain, "other" where none does."""
    return _own_book().by_name(domain) or OTHER


def names() -> Mapping[str, str]:
    """Return what people call each group that came along, by key."""
    return _own_book().names


def check(group: Group) -> Group:
    """Return a group without stray spaces, its names sorted out. Raises: Invalid, naming the field."""
    key, name = group.key.strip().lower(), group.name.strip()
    if not _KEY.fullmatch(key) or key == OTHER:
        raise Invalid("group_malformed", "The short name is 2 to 30 small letters and digits, such as gmx.", field="key")
    if not name or len(name) > 80:
        raise Invalid("group_malformed", "A mailbox provider needs a name of at most 80 characters.", field="name")
    domains, mx = _clean(group.domains, "domains"), _clean(group.mx, "mx")
    if any(one.endswith(".*") for one in mx):
        raise Invalid("group_malformed", "Write the ending of the servers' names, such as google.com, without a star.", field="mx")
    if not domains and not mx:
        raise Invalid("group_malformed", "Name at least one domain, or one ending of its servers' names.", field="domains")
    return Group(key, name, domains, mx)


def _clean(given: Iterable[str], field_name: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(one.strip().strip(".").lower() for one in given if one.strip()))
    if len(found) > MOST_NAMES:
        raise Invalid("group_malformed", f"At most {MOST_NAMES} names.", field=field_name)
    for one in found:
        if not _DOMAIN.fullmatch(one):
            raise Invalid("group_malformed", f"“{one[:80]}” is no domain. Write one a line, such as gmx.de or gmx.*", field=field_name)
    return found


def _is_public(ending: str) -> bool:
    parts = ending.split(".")
    return len(parts) == 1 or (len(parts) == 2 and parts[0] in {"co", "com", "net", "org"} and len(parts[1]) == 2)
