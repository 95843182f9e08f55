"""The room's commands: `posthouse inbound` serves, `posthouse inbound classify` says what samples are."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import threading
from pathlib import Path

from posthouse.inbound import classify
from posthouse.inbound.authentication.services import of_house
from posthouse.inbound.authentication.sources import of_house as sources_of
from posthouse.inbound.listener.limits import Limits
from posthouse.inbound.listener.server import Door, Listener
from posthouse.inbound.mailroom.intake import Intake
from posthouse.inbound.mailroom.sort import Mailroom
from posthouse.inbound.submission.command import COMMAND as SUBMISSION
from posthouse.platform import logs, loops, ports
from posthouse.platform.app import create_core, keyring
from posthouse.platform.cli import Command
from posthouse.platform.settings import Settings, WrongSetting
from posthouse.sending.tokens import Mint, read_address


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", nargs="?", choices=("serve", "classify"), default="serve", help="take mail (default), or say what samples are"
    )
    parser.add_argument("--manifest", type=Path, help="for classify: the JSON lines that name the samples")


def _run(settings: Settings, arguments: argparse.Namespace) -> int:
    if arguments.what == "classify":
        if arguments.manifest is None:
            raise WrongSetting("`posthouse inbound classify` needs --manifest PATH.")
        return classify.run(arguments.manifest)
    return _serve(settings)


def _serve(settings: Settings) -> int:
    for name in ("database_url", "redis_url"):
        if not getattr(settings, name):
            raise WrongSetting(f"POSTHOUSE_{name.upper()}: this command needs it; only `posthouse up` brings its own.")
    ports.need("inbound", settings.inbound_host, settings.inbound_port)
    app = create_core(settings, process="inbound")
    with app.app_context():
        mint = Mint(keyring())
    mailroom = Mailroom(mint, examiner=of_house(settings.dns_servers), sources=sources_of(settings.feedback_sources))
    intake = Intake(settings.data / "spool", mailroom)
    stopping = threading.Event()

    def sort() -> None:
        with app.app_context():
            intake.run(stopping)

    sorting = threading.Thread(target=sort, name="mailroom")
    try:
        loops.run(_listen(settings, mint, intake, sorting))
    finally:
        stopping.set()
        intake.rung.set()
        if sorting.is_alive():
            sorting.join()
    return 0


async def _listen(settings: Settings, mint: Mint, intake: Intake, sorting: threading.Thread) -> None:
    listener = Listener(
        door(settings), is_genuine=lambda local: read_address(mint, local) is not None, limits=limits(settings), on_stored=intake.rung.set
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stop.set)
    with contextlib.suppress(NotImplementedError, AttributeError):
        loop.add_signal_handler(signal.SIGHUP, listener.renew_certificate)
    port = await listener.start()
    sorting.start()
    logs.get().info("inbound.listening", host=settings.inbound_host, port=port)
    await stop.wait()
    await listener.stop()


def door(settings: Settings) -> Door:
    """Where and as whom to listen, from the settings."""
    return Door(
        host=settings.inbound_host,
        port=settings.inbound_port,
        hostname=settings.inbound_hostname or settings.mail_domain,
        our_domains=frozenset({settings.mail_domain.lower()}),
        spool=settings.data / "spool",
        certificate=Path(settings.inbound_certificate) if settings.inbound_certificate else None,
        key=Path(settings.inbound_key) if settings.inbound_key else None,
        lmtp_host=settings.inbound_lmtp_host,
        lmtp_port=settings.inbound_lmtp_port or None,
    )


def limits(settings: Settings) -> Limits:
    """The limits that can be set; the others are fixed."""
    return Limits(
        message_bytes=settings.inbound_message_bytes,
        connections=settings.inbound_connections,
        connections_of_peer=settings.inbound_connections_of_peer,
    )


COMMANDS = [Command("inbound", "Take mail that comes back, or say what samples of mail are.", _run, _configure), SUBMISSION]
