"""`posthouse simulator`: runs the mailbox simulator as a process of its own, until it's told to stop."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

import uvloop

from posthouse.platform.cli import Command
from posthouse.platform.settings import Settings, WrongSetting
from posthouse.sending.simulator.scenario import ScenarioError, load
from posthouse.sending.simulator.service import Simulator, SimulatorConfig


def config_from(settings: Settings) -> SimulatorConfig:
    """Return what the settings say.

    Raises:
        WrongSetting: the scenario or an address cannot be used.
    """
    try:
        scenario = load(Path(settings.simulator_scenario) if settings.simulator_scenario else None)
    except ScenarioError as fault:
        message = f"POSTHOUSE_SIMULATOR_SCENARIO: {fault}"
        raise WrongSetting(message) from fault
    return SimulatorConfig(
        data=settings.data / "simulator",
        scenario=scenario,
        bind=settings.simulator_host,
        smtp_port=settings.simulator_smtp_port,
        state_port=settings.simulator_state_port,
        dns_port=settings.simulator_dns_port,
        inbound=_address(settings.simulator_inbound, "SIMULATOR_INBOUND") or (settings.inbound_host, settings.inbound_port),
        web=_address(settings.simulator_web, "SIMULATOR_WEB") or (settings.web_host, settings.web_port),
        verify=settings.simulator_verify,
    )


def _address(text: str, name: str) -> tuple[str, int] | None:
    if not text:
        return None
    host, _colon, port = text.rpartition(":")
    if not host or not port.isdigit():
        message = f"POSTHOUSE_{name}: {text!r} is not HOST:PORT"
        raise WrongSetting(message)
    return host.strip("[]"), int(port)


def _run(settings: Settings, _arguments: argparse.Namespace) -> int:
    config = config_from(settings)
    try:
        return uvloop.run(_serve(config))
    except OSError as fault:
        sys.stderr.write(
            f"posthouse: the simulator cannot listen: {fault}. Choose other ports with POSTHOUSE_SIMULATOR_SMTP_PORT and its kin.\n"
        )
        return 1


async def _serve(config: SimulatorConfig) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    simulator = Simulator(config)
    await simulator.start()
    sys.stdout.write(json.dumps(simulator.state()["ports"]) + "\n")
    sys.stdout.flush()
    await stopping.wait()
    await simulator.stop()
    return 0


COMMAND = Command("simulator", "Run mailbox providers to rehearse against: they accept, defer, bounce, complain, open and click.", _run)
