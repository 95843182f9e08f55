"""Whether the service is up: alive, and ready to take requests."""

from __future__ import annotations

import sqlalchemy as sa
from flask import Blueprint, Response
from sqlalchemy.exc import SQLAlchemyError

from posthouse.platform import bell
from posthouse.platform.app import settings
from posthouse.platform.db import transaction
from posthouse.platform.scope import public
from posthouse.webui.edge.access import Door, needs

blueprint = Blueprint("health", __name__)
PATIENCE_SECONDS = 1.0


@blueprint.get("/health/live")
@needs(Door.PUBLIC)
def live() -> Response:
    """Say that the process answers."""
    return Response("ok\n", mimetype="text/plain")


@blueprint.get("/health/ready")
@needs(Door.PUBLIC)
def ready() -> Response:
    """Say whether database and Redis can be reached; names nothing but which of the two is away."""
    away = [name for name, check in (("database", _database), ("redis", _redis)) if not check()]
    return Response("".join(f"{name} away\n" for name in away) or "ok\n", status=503 if away else 200, mimetype="text/plain")


def _database() -> bool:
    try:
        with transaction(public("health")) as live_session:
            live_session.execute(sa.text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


def _redis() -> bool:
    try:
        return bool(bell.brisk_client(settings().redis_url, patience_seconds=PATIENCE_SECONDS).ping())
    except bell.Away:
        return False
