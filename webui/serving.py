"""What the web server loads: makes the application from this process's settings."""

from __future__ import annotations

from multiprocessing import parent_process
from typing import Any

from posthouse.platform import lifeline, logs
from posthouse.platform.settings import from_environment
from posthouse.webui.app import create_app


def make() -> Any:
    """Make the WSGI application. Called once in each web process, which ends with the server that started it."""
    server = parent_process()
    if server is not None and server.pid is not None:
        lifeline.end_with_parent(server.pid)
    settings = from_environment()
    logs.configure(level=settings.log_level, as_json=settings.log_json, process="web")
    return create_app(settings)
