"""Who may call a route. Every route says so itself; one that says nothing is refused."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from flask import Flask

from posthouse.platform.permissions import Permission

View = TypeVar("View", bound=Callable[..., Any])

_MARK = "__posthouse_access__"
_SIZE = "__posthouse_body_bytes__"


class Door(StrEnum):
    """Routes that need no permission. The short list of public ones stands in the permission test."""

    PUBLIC = "public"  # anybody, no session looked at: assets, health, recipients' links, hooks
    VISITOR = "visitor"  # anybody, a session is looked at: sign-in
    PERSON = "person"  # anybody signed in, in whatever place: home, account, help


Access = Permission | Door


class Undeclared(RuntimeError):
    """A route says nothing about who may call it."""


def needs(access: Access) -> Callable[[View], View]:
    """Declare who may call a view: a permission, or one of the doors."""

    def mark(view: View) -> View:
        setattr(view, _MARK, access)
        return view

    return mark


def takes(most_bytes: int) -> Callable[[View], View]:
    """Let a view take a larger body than usual, from people who are signed in."""

    def mark(view: View) -> View:
        setattr(view, _SIZE, most_bytes)
        return view

    return mark


def body_bytes_of(app: Flask, endpoint: str) -> int | None:
    """Return how large a body a view takes, None for the usual size."""
    found: int | None = getattr(app.view_functions[endpoint], _SIZE, None)
    return found


def access_of(app: Flask, endpoint: str) -> Access:
    """Return what a route declares. Raises: Undeclared."""
    found: Access | None = getattr(app.view_functions[endpoint], _MARK, None)
    if found is None:
        raise Undeclared(endpoint)
    return found
