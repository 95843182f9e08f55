"""The interface's description: one SpecTree for the tenant's programs, and what every operation may answer."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, cast

from flask import Flask, abort
from pydantic import BaseModel, ValidationError
from spectree import Response, SecurityScheme, SpecTree
from spectree.models import SecureType, SecuritySchemeData

from posthouse.webui.api.models import Problem
from posthouse.webui.edge.problems import MEDIA_TYPE, problem

_REFUSALS = (400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503)


def _before(_request: Any, _response: Any, error: Exception | None, *_more: Any) -> None:
    """Turn what a model refuses into a problem that points at every wrong part."""
    if error is None:
        return
    found = error.errors() if isinstance(error, ValidationError) else []
    errors = [{"pointer": "/" + "/".join(map(str, one["loc"])), "code": str(one["type"]), "detail": str(one["msg"])} for one in found[:50]]
    abort(problem(422, "request_invalid", "Some parts of the request can't be taken; see “errors”.", errors=errors))


api = SpecTree(
    "flask",
    mode="strict",
    title="API",
    version="1",
    openapi_version="3.1.0",
    before=_before,
    validation_error_model=Problem,
    naming_strategy=lambda model: model.__name__,
    nested_naming_strategy=lambda _parent, child: child,
    security_schemes=[SecurityScheme(name="key", data=SecuritySchemeData(type=SecureType.HTTP, scheme="bearer"))],
    security={"key": []},
)


def answers(model: type[BaseModel] | None, status: int = 200) -> Response:
    """List what an operation may answer: its own, and every refusal as a problem."""
    own = {f"HTTP_{status}": model}
    return Response(**cast("dict[str, Any]", own), **cast("dict[str, Any]", {f"HTTP_{one}": Problem for one in _REFUSALS}))


def document(app: Flask, *, title: str, address: str) -> dict[str, Any]:
    """Return the OpenAPI document under a brand's name."""
    api.app = app
    made: dict[str, Any] = deepcopy(api.spec)
    made["info"] = {"title": f"{title} API", "version": "1", "description": _DESCRIPTION}
    made["servers"] = [{"url": address}]
    for path in made["paths"].values():
        for method, operation in path.items():
            _mend(operation, method)
    return made


def _mend(operation: dict[str, Any], method: str) -> None:
    """Say what SpecTree can't: ids are prefixed texts, problems have a type of their own, POSTs take an idempotency key."""
    for parameter in operation["parameters"]:
        if parameter["in"] == "path":
            parameter["schema"] = {"type": "string", "pattern": f"^{_PREFIXES[parameter['name']]}_[0-9a-z]{{13}}$"}
    if method == "post":
        operation["parameters"].append(_ONCE)
    for status, response in operation["responses"].items():
        content = response.get("content")
        if content and int(status) >= 400:
            response["content"] = {MEDIA_TYPE: next(iter(content.values()))}
        headers = _RATES if status != "401" else _CHALLENGE
        response["headers"] = deepcopy(headers | _WAIT if status in {"429", "503"} else headers)


_PREFIXES = {
    "campaign_id": "cmp",
    "contact_id": "con",
    "delivery_id": "whd",
    "list_id": "lst",
    "mail_id": "eml",
    "message_id": "msg",
    "thread_id": "thr",
    "webhook_id": "whk",
}
_ONCE = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Repeating a request with the same key and body does nothing twice, for 7 days.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_NUMBER = {"type": "integer", "minimum": 0}
_RATES = {
    "RateLimit-Limit": {"description": "Requests that the key may make a minute.", "schema": _NUMBER},
    "RateLimit-Remaining": {"description": "How many it may make at once now.", "schema": _NUMBER},
    "RateLimit-Reset": {"description": "Seconds until all are back.", "schema": _NUMBER},
}
_WAIT = {"Retry-After": {"description": "Seconds to wait before trying again.", "schema": _NUMBER}}
_CHALLENGE = {"WWW-Authenticate": {"description": "How to come in.", "schema": {"type": "string"}}}
_DESCRIPTION = (
    "Send your key as `Authorization: Bearer key_…`. Bodies are JSON. Refusals are problem details (RFC 9457) with a stable `code`. "
    "Lists give `next_cursor`; send it as `cursor`. Add `Idempotency-Key` to a POST so that repeating it does nothing twice (kept 7 days). "
    "`RateLimit-*` headers tell how many requests are left."
)
