"""Where the demonstration runs: a data folder of its own, ports that are free, and the settings that follow."""

from __future__ import annotations

import socket
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from posthouse.platform.settings import Settings, WrongSetting
from posthouse.webui.demo.certificate import HOST

MAIL_DOMAIN = "post.example"
_PORTS = (
    "web_port", "inbound_port", "submission_port", "submission_tls_port", "simulator_smtp_port", "simulator_state_port", "simulator_dns_port"
)  # fmt: skip


def settle(settings: Settings, folder: Path, *, stripe_port: int) -> Settings:
    """Return the settings of a demonstration in a folder. Ports that were chosen are kept; of the others, taken ones become free ones.

    Raises: WrongSetting when the folder holds something already, or a chosen port is taken.
    """
    folder = folder.absolute()
    if folder.exists() and any(folder.iterdir()):
        raise WrongSetting(
            f"POSTHOUSE_DATA: {folder} is not empty. Name an empty folder, or leave it out: then the demo makes one for itself."
        )
    ports: dict[str, Any] = {name: _port(name, getattr(settings, name)) for name in _PORTS}
    return replace(
        settings,
        data=folder,
        public_url=f"http://127.0.0.1:{ports['web_port']}",
        mail_domain=MAIL_DOMAIN,
        allow_reserved_domains=True,
        submission_hostname=HOST,
        submission_public_port=ports["submission_port"],
        submission_public_tls_port=ports["submission_tls_port"],
        submission_certificate=str(folder / "submission.pem"),
        dns_servers=f"127.0.0.1:{ports['simulator_dns_port']}",
        feedback_sources="127.0.0.1",  # the simulated mailbox providers
        simulator_inbound=f"127.0.0.1:{ports['inbound_port']}",
        simulator_web=f"127.0.0.1:{ports['web_port']}",
        simulator_scenario=str(files("posthouse.webui.demo").joinpath("scenario.toml")),
        stripe_api=f"http://127.0.0.1:{stripe_port}",
        log_level="warning",
        **ports,
    )


def free_port() -> int:
    """Return a port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _port(name: str, wanted: int) -> int:
    chosen = wanted != getattr(Settings(), name)
    if _is_free(wanted):
        return wanted
    if chosen:
        raise WrongSetting(f"POSTHOUSE_{name.upper()}: port {wanted} is taken. Stop what uses it, or set another port.")
    return free_port()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
