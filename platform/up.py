"""`posthouse up`: the whole product on one machine, on embedded services unless others are named."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from posthouse.platform import clock, logs, ports
from posthouse.platform.cli import Command, main
from posthouse.platform.embedded import postgres, redis
from posthouse.platform.embedded.places import CannotStart
from posthouse.platform.embedded.server import Running
from posthouse.platform.first_run import make_first
from posthouse.platform.migrate import migrate
from posthouse.platform.nursery import Nursery, open_nursery
from posthouse.platform.secrets import ensure_key_file, load_keyring
from posthouse.platform.settings import Settings, as_environment, environment
from posthouse.platform.supervisor import Supervisor

STOP_SECONDS = 8.0  # from the signal to the end of the last process; ten are promised, also on a busy machine
PORT_SECONDS = 5.0  # what a killed predecessor leaves behind is ended by the kernel, but not in the same instant
LEAST_SECONDS = 1.5  # what the services get for their stop in any case


class Ending:
    """Whether we were asked to end, and what is left of the time for it."""

    def __init__(self) -> None:
        """Nobody has asked yet."""
        self.asked = threading.Event()
        self._by = 0.0

    def heed_signals(self) -> None:
        """Have the first SIGTERM or SIGINT interrupt whatever is done, also a long start; later ones change nothing."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._interrupt)

    def _interrupt(self, *_: object) -> None:
        if not self.asked.is_set():
            self._by = clock.monotonic() + STOP_SECONDS
            self.asked.set()
            raise KeyboardInterrupt

    def seconds_left(self) -> float:
        """Return how many seconds the services have for their stop."""
        return max(self._by - clock.monotonic(), LEAST_SECONDS) if self.asked.is_set() else STOP_SECONDS


def _up(settings: Settings, _arguments: argparse.Namespace) -> int:
    ending = Ending()
    ending.heed_signals()
    settings = replace(settings, data=settings.data.absolute())
    try:
        ports.need("web", settings.web_host, settings.web_port, patience_seconds=PORT_SECONDS)
        ports.need("inbound", settings.inbound_host, settings.inbound_port, patience_seconds=PORT_SECONDS)
        ensure_key_file(settings)
        with (
            open_nursery(main) as nursery,
            embedded_services(settings, seconds_to_stop=ending.seconds_left) as (ready, services),
        ):
            migrate(ready.database_url, load_keyring(ready))
            _greet(ready)
            supervisor(ready, services, nursery).run(ending.asked.is_set)
    except CannotStart as problem:
        sys.stderr.write(f"posthouse: {problem}\n")
        return 1
    except KeyboardInterrupt:
        logs.get().info("up.ended", seconds_to_spare=round(ending.seconds_left(), 1))
    return 0


@contextmanager
def embedded_services(
    settings: Settings, *, seconds_to_stop: Callable[[], float] = lambda: STOP_SECONDS
) -> Iterator[tuple[Settings, list[Running]]]:
    """Give the settings with both services' addresses, and the servers that were started because none was named, for a supervisor to look
    after; at the end they all stop at the same time.
    """
    services: list[Running] = []
    try:
        if not settings.database_url:
            services.append(postgres.start(settings.data, durable=True))
            settings = replace(settings, database_url=services[-1].url)
        if not settings.redis_url:
            services.append(redis.start(settings.data, durable=True))
            settings = replace(settings, redis_url=services[-1].url)
        yield settings, services
    finally:
        for service in services:
            service.ask_to_stop()
        for service in services:
            service.stop(seconds_to_stop())


def supervisor(settings: Settings, services: Sequence[Running] = (), nursery: Nursery | None = None) -> Supervisor:
    """Declare the processes of the product; embedded `services` are started again when they die."""
    made = Supervisor({**environment(), **as_environment(settings)}, services=services, nursery=nursery)
    made.keep("web", "web")
    made.keep("scheduler", "scheduler")
    made.keep("inbound", "inbound")
    if settings.submission_certificate or settings.submission_plain_loopback:
        made.keep("submission", "submission")
    for queue, count in (
        ("jobs", settings.workers_jobs),
        ("marketing", settings.workers_marketing),
        ("transactional", settings.workers_transactional),
        ("webhooks", settings.workers_webhooks),
    ):
        for number in range(1, count + 1):
            made.keep(f"worker-{queue}-{number}", "worker", "--queue", queue)
    return made


def _greet(settings: Settings) -> None:
    lines = [f"Posthouse runs at {settings.public_url}", *make_first(settings)]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


COMMAND = Command("up", "Run the whole product on this machine.", _up)
