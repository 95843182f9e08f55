"""Whether this machine lets a service listen where it should, asked before anything is started."""

from __future__ import annotations

import socket
import time

from posthouse.platform import clock
from posthouse.platform.settings import WrongSetting

LOOK_EVERY = 0.1


def refusal(host: str, port: int) -> OSError | None:
    """Return why nobody could listen there now, None if somebody could."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as problem:
        return problem
    return None


def need(service: str, host: str, port: int, *, patience_seconds: float = 0.0) -> None:
    """Wait until the port of a service (web, inbound) can be had. Raises: WrongSetting when it can't within the patience."""
    deadline = clock.monotonic() + patience_seconds
    while (problem := refusal(host, port)) is not None:
        if clock.monotonic() >= deadline:
            raise WrongSetting(
                f"POSTHOUSE_{service.upper()}_PORT: {host}:{port} can't be had ({problem.strerror or problem})."
                " Stop what uses it, or set another port."
            )
        time.sleep(LOOK_EVERY)
