"""Refusals in Stripe's own shape, so the real SDK raises its own error classes for them."""

from __future__ import annotations

from typing import Any


class Problem(Exception):
    """A refusal with its HTTP status and the members of Stripe's error object."""

    def __init__(self, status: int, kind: str, message: str, *, code: str | None = None, param: str | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.error = {
            "type": kind,
            "message": message,
            **{key: value for key, value in {"code": code, "param": param, **more}.items() if value is not None},
        }

    def body(self) -> dict[str, Any]:
        """Return the answer's JSON body."""
        return {"error": self.error}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> Problem:
    """Make the refusal of a wrong parameter."""
    return Problem(400, "invalid_request_error", message, param=param, code=code)


def no_such(kind: str, object_id: str, *, param: str = "id") -> Problem:
    """Make the refusal of an id that isn't there; 404 on the address itself, as Stripe does."""
    return Problem(404, "invalid_request_error", f"No such {kind}: '{object_id}'", code="resource_missing", param=param)


def card_declined(**more: Any) -> Problem:
    """Make the refusal of a payment by the customer's bank."""
    return Problem(402, "card_error", "Your card was declined.", code="card_declined", decline_code="generic_decline", **more)
