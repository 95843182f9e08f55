"""Platform's own commands: migrate, worker, scheduler, settings, new-key."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from posthouse.platform import logs, scheduler, shifts
from posthouse.platform.app import create_core
from posthouse.platform.cli import Command
from posthouse.platform.migrate import migrate
from posthouse.platform.secrets import load_keyring, new_key
from posthouse.platform.setting_reference import describe, reference_page
from posthouse.platform.settings import Settings, WrongSetting

QUEUES = ("jobs", "marketing", "transactional", "webhooks")


def _need_services(settings: Settings) -> None:
    for name in ("database_url", "redis_url"):
        if not getattr(settings, name):
            raise WrongSetting(f"POSTHOUSE_{name.upper()}: this command needs it; only `posthouse up` brings its own.")


def _migrate(settings: Settings, _arguments: argparse.Namespace) -> int:
    if not settings.database_url:
        raise WrongSetting("POSTHOUSE_DATABASE_URL: this command needs it; only `posthouse up` brings its own.")
    migrate(settings.database_url, load_keyring(settings))
    logs.get().info("migrate.done")
    return 0


def _worker(settings: Settings, arguments: argparse.Namespace) -> int:
    _need_services(settings)
    shifts.run_worker(create_core(settings, process="worker"), arguments.queue)
    return 0


def _configure_worker(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--queue", choices=QUEUES, default="jobs", help="the one queue this worker listens on")


def _scheduler(settings: Settings, _arguments: argparse.Namespace) -> int:
    _need_services(settings)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with create_core(settings, process="scheduler").app_context():
        scheduler.run(stopping.is_set)
    return 0


def _configure_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--markdown", action="store_true", help="print the reference page, platform/settings.md")


def _settings(_settings: Settings, arguments: argparse.Namespace) -> int:
    if arguments.markdown:
        sys.stdout.write(reference_page())
        return 0
    for one in describe():
        unit = f", {one.unit}" if one.unit else ""
        sys.stdout.write(f"{one.name} ({one.type}{unit}; default {one.default or 'none'})\n    {one.sentence}\n")
    return 0


def _configure_new_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--id", type=int, default=1, help="number of the key, from 1 to 255")


def _new_key(_settings: Settings, arguments: argparse.Namespace) -> int:
    sys.stdout.write(new_key(arguments.id) + "\n")
    return 0


COMMANDS = [
    Command("migrate", "Bring the database to the newest revision.", _migrate),
    Command("worker", "Work one queue: background jobs or sending.", _worker, _configure_worker),
    Command("scheduler", "Start periodic work, relay news and sweep after crashes.", _scheduler),
    Command("settings", "List every setting with its meaning.", _settings, _configure_settings, explains=True),
    Command("new-key", "Make a master key for POSTHOUSE_SECRET_KEYS.", _new_key, _configure_new_key, explains=True),
]
