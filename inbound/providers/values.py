"""Take values out of what a stranger posted: the wrong type is as good as nothing."""

import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from posthouse.inbound.providers.cards import HookRequest

TEXT_LIMIT = 2_000
EVENT_LIMIT = 10_000  # events of one request; SendGrid and SparkPost post some hundreds
FIELD_LIMIT = 500
HINT_LIMIT = 16_000

_NAME = re.compile(r'name="([^"\r\n]{1,200})"')


class Unreadable(ValueError):
    """The body is not what its type says."""


def as_json(body: bytes) -> Any:
    """The JSON of a body. Raises: Unreadable."""
    try:
        return json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as problem:
        raise Unreadable("no JSON") from problem


def as_list(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, or one object as a list of one; anything else is left out."""
    entries = value if isinstance(value, list) else [value]
    return [entry for entry in entries[:EVENT_LIMIT] if isinstance(entry, dict)]


def as_dict(value: Any) -> dict[str, Any]:
    """An object, or an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str:
    """A text or a number as text, without NUL; anything else is empty."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).replace("\x00", "").encode("utf-8", "replace").decode()[:TEXT_LIMIT]


def hints(value: Any) -> str:
    """Everything that an event says, as text: our token may stand in any field of it."""
    return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace").decode()[:HINT_LIMIT].replace("\x00", "")


def seconds(value: Any) -> int:
    """A time as seconds since 1970: a number of seconds or milliseconds, or ISO 8601 (UTC where it names no zone); 0 if none."""
    try:
        number = float(text(value))
        found = int(number / 1000 if number > 100_000_000_000 else number)
    except (ValueError, OverflowError):
        found = _iso(text(value))
    return found if 0 <= found < 4_102_444_800 else 0


def _iso(value: str) -> int:
    try:
        at = datetime.fromisoformat(value.strip())
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return 0


def form(request: HookRequest) -> list[tuple[str, str]]:
    """The fields of a posted form, urlencoded or multipart, in order."""
    if "multipart/form-data" in request.content_type.lower():
        return _multipart(request)
    return parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=None)[:FIELD_LIMIT]


def first(fields: list[tuple[str, str]], name: str) -> str:
    """The first value of a form's field, or an empty string."""
    return next((value for key, value in fields if key == name), "")


def _multipart(request: HookRequest) -> list[tuple[str, str]]:
    found = re.search(r'boundary="?([^";,\s]{1,200})', request.content_type, re.IGNORECASE)
    if found is None:
        return []
    fields: list[tuple[str, str]] = []
    for piece in request.body.split(b"--" + found.group(1).encode())[1 : FIELD_LIMIT + 1]:
        head, _, value = piece.replace(b"\r\n", b"\n").partition(b"\n\n")
        named = _NAME.search(head.decode("utf-8", "replace"))
        if named:
            fields.append((named.group(1), value.removesuffix(b"\n").decode("utf-8", "replace")))
    return fields
