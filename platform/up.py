"""`posthouse up`: the whole product on one machine, on embedded services unless others are named."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from posthouse.platform.cli import Command
from posthouse.platform.embedded import postgres, redis
from posthouse.platform.embedded.places import CannotStart
from posthouse.platform.first_run import make_first
from posthouse.platform.migrate import migrate
from posthouse.platform.secrets import ensure_key_file, load_keyring
from posthouse.platform.settings import Settings, WrongSetting, as_environment, environment
from posthouse.platform.supervisor import Supervisor


def _up(settings: Settings, _arguments: argparse.Namespace) -> int:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    settings = replace(settings, data=settings.data.absolute())
    _need_ports(settings)
    ensure_key_file(settings)
    try:
        with running_services(settings) as ready:
            migrate(ready.database_url, load_keyring(ready))
            _greet(ready)
            supervisor(ready).run(stopping.is_set)
    except CannotStart as problem:
        sys.stderr.write(f"posthouse: {problem}\n")
        return 1
    return 0


@contextmanager
def running_services(settings: Settings) -> Iterator[Settings]:
    """Give the settings with both services' addresses; those that are not named are started here and stopped at the end."""
    with ExitStack() as stack:
        if not settings.database_url:
            database = postgres.start(settings.data, durable=True)
            stack.callback(database.stop)
            settings = replace(settings, database_url=database.url)
        if not settings.redis_url:
            doorbell = redis.start(settings.data, durable=True)
            stack.callback(doorbell.stop)
            settings = replace(settings, redis_url=doorbell.url)
        yield settings


def supervisor(settings: Settings) -> Supervisor:
    """Declare the processes of the product."""
    made = Supervisor({**environment(), **as_environment(settings)})
    made.keep("web", "web")
    made.keep("scheduler", "scheduler")
    made.keep("inbound", "inbound")
    for queue, count in (
        ("jobs", settings.workers_jobs),
        ("marketing", settings.workers_marketing),
        ("transactional", settings.workers_transactional),
        ("webhooks", settings.workers_webhooks),
    ):
        for number in range(1, count + 1):
            made.keep(f"worker-{queue}-{number}", "worker", "--queue", queue)
    return made


def _need_ports(settings: Settings) -> None:
    """Raises: WrongSetting when a port is taken, before anything is started."""
    for host, port, name in (
        (settings.web_host, settings.web_port, "POSTHOUSE_WEB_PORT"),
        (settings.inbound_host, settings.inbound_port, "POSTHOUSE_INBOUND_PORT"),
    ):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as problem:
                raise WrongSetting(
                    f"{name}: {host}:{port} can't be had ({problem.strerror}). Stop what uses it, or set another port."
                ) from None


def _greet(settings: Settings) -> None:
    lines = [f"Posthouse runs at {settings.public_url}", *make_first(settings)]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


COMMAND = Command("up", "Run the whole product on this machine.", _up)
