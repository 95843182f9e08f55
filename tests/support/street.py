"""The running web process with the usual small world, and an app on the same database to prepare things with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from databases import fresh
from flask import Flask
from program import Program, issue_key
from serving import Served, serving
from world import World, peopled

from posthouse.platform.app import create_core
from posthouse.webui.app import create_app


@dataclass(frozen=True)
class Street:
    """`core` works as a command does, `web` as the web service does (it alone may make keys)."""

    served: Served
    world: World
    core: Flask
    web: Flask

    def program(self, place: Any, permissions: list[str] | None = None) -> Program:
        return Program(self.served, issue_key(self.web, place, permissions)[1])


@contextmanager
def open_street(folder: Path, **settings: Any) -> Iterator[Street]:
    """Make a database with people and serve it under these settings."""
    template, world = peopled()
    with fresh(folder, template=template) as fresh_settings:
        made = replace(fresh_settings, **settings)
        core = create_core(made, process="command")
        with core.app_context(), serving(made, folder) as served:
            web = create_app(served.settings)
            yield Street(served, world, core, web)
            for app in (core, web):
                with app.app_context():
                    _close(app)


def _close(app: Flask) -> None:
    for engine in app.extensions["sqlalchemy"].engines.values():
        engine.dispose()
