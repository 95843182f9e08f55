"""The core application: settings, keys, database and house, without a route. Every process stands on it."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, current_app

from posthouse.platform import db as database
from posthouse.platform.bell import Bell
from posthouse.platform.rooms import House, assemble
from posthouse.platform.running import carried
from posthouse.platform.secrets import Keyring, load_keyring
from posthouse.platform.settings import Settings

# The type, for those who pass the app on: only this file, db.py, running.py and webui know Flask.
Core = Flask


def create_core(settings: Settings, *, process: str, pool_size: int = 5, import_name: str = "posthouse.platform.app") -> Flask:
    """Make the core app of a process: web, worker, scheduler, inbound or command. Connects to nothing yet.

    Raises: WrongSetting when there is no master key.
    """
    keyring = load_keyring(settings)
    app = Flask(import_name, instance_path=str(Path(settings.data).absolute()), static_folder=None, template_folder=None)
    app.extensions["posthouse_settings"] = settings
    app.extensions["posthouse_keyring"] = keyring
    app.extensions["posthouse_bell"] = Bell(settings.redis_url)
    app.extensions["posthouse_house"] = assemble()
    database.configure(app, settings, keyring, process=process, pool_size=pool_size)
    return app


def settings() -> Settings:
    """Return the settings of the running app."""
    found: Settings = carried("settings")
    return found


def keyring() -> Keyring:
    """Return the master keys of the running app."""
    found: Keyring = carried("keyring")
    return found


def house() -> House:
    """Return what the rooms bring."""
    found: House = carried("house")
    return found


def bell() -> Bell:
    """Return the doorbell of the running app."""
    found: Bell = carried("bell")
    return found


def running_app() -> Flask:
    """Return the running app itself, for threads that need a context of their own."""
    found: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return found
