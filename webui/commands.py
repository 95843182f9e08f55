"""The command `posthouse web`: serves the application with granian."""

from __future__ import annotations

import argparse

from granian.constants import Interfaces, Loops
from granian.http import HTTP1Settings
from granian.server import Server

from posthouse.platform import ports
from posthouse.platform.cli import Command
from posthouse.platform.settings import Settings, WrongSetting
from posthouse.webui.demo import command as demo

STOP_SECONDS = 3  # for requests at work when a stop is asked for; whoever keeps us alive gives a little more


def _web(settings: Settings, arguments: argparse.Namespace) -> int:
    for name in ("database_url", "redis_url"):
        if not getattr(settings, name):
            raise WrongSetting(f"POSTHOUSE_{name.upper()}: this command needs it; only `posthouse up` brings its own.")
    ports.need("web", settings.web_host, settings.web_port)
    Server(
        "posthouse.webui.serving:make",
        factory=True,
        address=settings.web_host,
        port=settings.web_port,
        interface=Interfaces.WSGI,
        loop=Loops.asyncio,
        workers=arguments.processes,
        blocking_threads=settings.web_threads,
        backlog=1024,
        http1_settings=HTTP1Settings(header_read_timeout=15_000),
        log_access=False,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
        websockets=False,
    ).serve()
    return 0


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--processes", type=int, default=1, help="web processes")


COMMANDS = [Command("web", "Serve pages, interface, public links and hooks over HTTP.", _web, _configure), demo.COMMAND]
