"""What every request of a program passes besides the guard: strict body, note of use."""

from __future__ import annotations

from flask import Blueprint

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.platform.errors import Invalid, Missing
from posthouse.tenants.keys import services as keys
from posthouse.webui.api.strictness import read_body
from posthouse.webui.edge import visit

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


@blueprint.before_request
def _before() -> None:
    seen = visit.find()
    scope = seen.scope if seen else None
    if scope is None or scope.actor.kind != "key":
        return
    read_body()
    if scope.actor.id is not None:
        with transaction(scope):
            keys.note_use(scope)


def number(prefix: str, text: str | None, *, field: str) -> int | None:
    """Return the row's number of a public id in a body, None where there is none. Raises: Invalid."""
    if text is None:
        return None
    try:
        return ids.decode(prefix, text)
    except Missing:
        raise Invalid("id_invalid", f"This is not an id of the form {prefix}_….", field=field) from None
