"""`posthouse submission` serves until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal

from posthouse.inbound.submission.desk import THREADS
from posthouse.inbound.submission.server import Submission
from posthouse.platform import logs, ports
from posthouse.platform.app import Core, create_core
from posthouse.platform.cli import Command
from posthouse.platform.settings import Settings, WrongSetting


def _run(settings: Settings, _arguments: argparse.Namespace) -> int:
    for name in ("database_url", "redis_url"):
        if not getattr(settings, name):
            raise WrongSetting(f"POSTHOUSE_{name.upper()}: this command needs it; only `posthouse up` brings its own.")
    for name in ("submission_port", "submission_tls_port"):
        if port := getattr(settings, name):
            ports.need(name.removesuffix("_port"), settings.submission_host, port)
    asyncio.run(_serve(create_core(settings, process="submission", pool_size=THREADS), settings))
    return 0


async def _serve(app: Core, settings: Settings) -> None:
    service = Submission(app, settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stop.set)
    with contextlib.suppress(NotImplementedError, AttributeError):
        loop.add_signal_handler(signal.SIGHUP, service.renew_certificate)
    opened = await service.start()
    logs.get().info("submission.listening", host=settings.submission_host, starttls=opened.starttls, tls=opened.tls)
    await stop.wait()
    await service.stop()


COMMAND = Command("submission", "Take mail that tenants' programs hand in by SMTP.", _run)
