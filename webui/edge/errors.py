"""Turns refusals and failures into answers: a page for a person, a part or a toast for htmx, a problem (RFC 9457) for a program."""

from __future__ import annotations

from http import HTTPStatus
from typing import cast

from flask import Flask, Response, g, make_response, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, OperationalError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, UnsupportedMediaType
from werkzeug.wrappers import Response as AnyResponse

from posthouse.platform import logs
from posthouse.platform.bell import Away
from posthouse.platform.errors import AppError
from posthouse.webui.edge import htmx
from posthouse.webui.edge.headers import is_api
from posthouse.webui.edge.problems import problem
from posthouse.webui.edge.rendering import error_page

STATUS = {
    "malformed": 400,
    "invalid": 422,
    "forbidden": 403,
    "missing": 404,
    "conflict": 409,
    "limit": 429,
    "outside": 502,
    "unauthenticated": 401,
    "failure": 500,
}
_SENTENCES = {
    400: "The request could not be read.",
    401: "Sign in first.",
    403: "You may not do this.",
    404: "There is no such page. It may have been moved or deleted, or it belongs to somebody else.",
    405: "This can't be done here.",
    413: "This is too large. Send less at once.",
    415: "Send this as JSON, with the header Content-Type: application/json.",
    421: "There is nothing at this address.",
    429: "Too many requests. Wait a moment and try again.",
    503: "Too much is going on right now. Nothing was changed; try again in a moment.",
}
DRAINED_PARTS = 256
DRAINED_BYTES = 65_536
_AWAY = "The service can't reach its database right now. Nothing was changed; try again in a moment."
_FAILED = "Something went wrong on our side. Nothing was changed. It has been noted; try again, or tell us the number below."


def install(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(AppError, refused)
    app.register_error_handler(CSRFError, _forged)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(OperationalError, _away)
    app.register_error_handler(Away, _away)
    app.register_error_handler(DBAPIError, _database)
    app.register_error_handler(Exception, _failed)


def refused(refusal: AppError) -> AnyResponse:
    """Answer a refusal of our own."""
    status = STATUS.get(refusal.kind, 500)
    response = answer(status, refusal.code, refusal.sentence, facts=refusal.facts)
    wait = refusal.facts.get("retry_after_seconds")
    if wait is not None:
        response.headers["Retry-After"] = str(int(wait))
    if status == 401 and is_api():
        response.headers["WWW-Authenticate"] = "Bearer"  # RFC 6750, section 3
    return response


def answer(status: int, code: str, sentence: str, *, facts: dict[str, object] | None = None) -> AnyResponse:
    """Answer with an error in the form that the asker understands."""
    if is_api():
        return problem(status, code, sentence, facts=facts)
    if htmx.is_partial():
        response = make_response("", status)
        response.headers["HX-Reswap"] = "none"
        return htmx.toast(response, sentence, "danger")
    return make_response(error_page(status, code, sentence), status)


def _forged(_error: CSRFError) -> AnyResponse:
    return answer(403, "form_expired", "This form is no longer valid: you signed in or changed place since. Reload the page and try again.")


def _http(error: HTTPException) -> AnyResponse:
    if error.response is not None and error.code is None:
        return cast("AnyResponse", error.response)
    status = error.code or 500
    if status < 400:
        return Response(status=status, headers=dict(error.get_headers()))
    if status == 413:
        _drain()
    code = HTTPStatus(status).phrase.lower().replace(" ", "_").replace("-", "_")
    response = answer(status, code, _sentence(error, status))
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def _drain() -> None:
    """Read on for a while after refusing a body: who still writes when the connection ends never sees the answer."""
    source = request.environ["wsgi.input"]
    for _ in range(DRAINED_PARTS):
        if not source.read(DRAINED_BYTES):
            return


def _sentence(error: HTTPException, status: int) -> str:
    if is_api() and status == 404:
        return "There is nothing at this address. The addresses are listed under /api/v1/docs."
    if isinstance(error, MethodNotAllowed):
        return f"This address does not take {request.method}. It takes {', '.join(sorted(error.valid_methods or []))}."
    if isinstance(error, UnsupportedMediaType) and error.description != UnsupportedMediaType.description:
        return str(error.description)
    return _SENTENCES.get(status, HTTPStatus(status).description or HTTPStatus(status).phrase)


def _away(error: Exception) -> AnyResponse:
    logs.get().error("web.service_away", problem=type(error).__name__, detail=str(error)[:300])
    response = answer(503, "service_away", _AWAY)
    response.headers["Retry-After"] = "5"
    return response


def _database(error: DBAPIError) -> AnyResponse:
    # A value that PostgreSQL itself refuses (a NUL, a number out of range) is the sender's mistake, not ours.
    if type(error).__name__ == "DataError":
        return answer(422, "value_refused", "A value can't be kept as it is: it is out of range or has a character that can't be stored.")
    return _failed(error)


def _failed(error: Exception) -> AnyResponse:
    logs.get().error("web.failed", path=request.path, method=request.method, exc_info=error)
    return answer(500, "failed", _FAILED, facts={"request_id": g.get("posthouse_request_id", "")})
