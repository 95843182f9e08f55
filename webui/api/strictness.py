"""Reads JSON strictly: what is ambiguous or can't be kept is refused before any model sees it (bad inputs 2 to 6, 13)."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from flask import request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from posthouse.platform.errors import AppError, Invalid

_UNSTORABLE = re.compile("[\x00\x80-\x9f\ud800-\udfff]")
MOST_DEPTH = 20
MOST_VALUES = 20_000
LARGEST = 2**63 - 1


class Malformed(AppError):
    """The request is not even readable."""

    kind = "malformed"


class StrictJson(DefaultJSONProvider):
    """Flask's JSON, but without a second meaning for a key, and without a crash on nesting."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Read JSON. Raises: ValueError."""
        try:
            return json.loads(s, object_pairs_hook=_once, **kwargs)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("the same key twice in one object")
    return found


def read_body() -> None:
    """Read the body of a writing request, so that nothing after this sees a broken one. Raises: Malformed, Invalid, UnsupportedMediaType."""
    if request.method not in {"POST", "PUT", "PATCH"}:
        return
    if not request.content_length and "Transfer-Encoding" not in request.headers:
        return
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body as it is: compressed bodies are not taken.")
    raw = request.get_data(cache=True)
    if len(raw) >= (request.max_content_length or math.inf):
        raise RequestEntityTooLarge  # came without a length and was cut off there
    try:
        body = request.json_module.loads(raw)
    except (ValueError, UnicodeDecodeError) as problem:
        raise Malformed("json_malformed", f"The body is not valid JSON: {str(problem)[:200]}.") from None
    if not isinstance(body, dict):
        raise Invalid("body_not_object", "The body must be a JSON object.")
    _Walk().look(body, "", 0)
    request.get_json()


class _Walk:
    """Looks at every value of a body, and counts them."""

    def __init__(self) -> None:
        self._seen = 0

    def look(self, value: Any, pointer: str, depth: int) -> None:
        self._seen += 1
        if depth > MOST_DEPTH or self._seen > MOST_VALUES:
            raise Malformed(
                "json_too_large", f"The body is nested deeper than {MOST_DEPTH} levels or holds more than {MOST_VALUES:,} values."
            )
        if isinstance(value, dict):
            for key, inner in value.items():
                self.look(key, pointer, depth)
                self.look(inner, f"{pointer}/{key}", depth + 1)
        elif isinstance(value, list):
            for place, inner in enumerate(value):
                self.look(inner, f"{pointer}/{place}", depth + 1)
        elif isinstance(value, str):
            _look_at_text(value, pointer)
        elif isinstance(value, float) and not math.isfinite(value):
            raise Invalid(
                "number_not_finite", "Numbers must be finite; NaN and Infinity are not JSON (RFC 8259, section 6).", field=pointer[1:]
            )
        elif isinstance(value, int) and abs(value) > LARGEST:
            raise Invalid("number_too_large", "This number has more than 63 bits.", field=pointer[1:])


def _look_at_text(text: str, pointer: str) -> None:
    if _UNSTORABLE.search(text):
        raise Invalid("text_unstorable", "A text holds a NUL, a lone surrogate or a C1 control character. Take it out.", field=pointer[1:])
