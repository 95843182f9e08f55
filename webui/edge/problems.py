"""Problem details (RFC 9457) for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus

from flask import Response, g

MEDIA_TYPE = "application/problem+json"


def problem(
    status: int, code: str, sentence: str, *, facts: Mapping[str, object] | None = None, errors: Sequence[Mapping[str, str]] = ()
) -> Response:
    """Make a problem. `errors` lists each wrong part of the body as a JSON pointer with its reason."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": sentence,
        "request_id": g.get("posthouse_request_id", ""),
    }
    if errors:
        body["errors"] = list(errors)
    field = (facts or {}).get("field")
    if field and not errors:
        body["errors"] = [{"pointer": f"/{field}", "code": code, "detail": sentence}]
    for name, value in (facts or {}).items():
        if name not in body and name != "field":
            body[name] = value.isoformat() if isinstance(value, datetime) else value
    text = json.dumps(body, ensure_ascii=False, default=str)
    return Response(text, status=status, content_type=MEDIA_TYPE)
