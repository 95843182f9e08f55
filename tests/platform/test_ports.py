"""A service whose port is taken says which setting to change, instead of starting in vain or with a stack of calls."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

import pytest
from product import free_port

from posthouse.platform import ports
from posthouse.platform.secrets import new_key
from posthouse.platform.settings import WrongSetting, environment


@pytest.mark.parametrize("service", ["web", "inbound"])
def test_a_process_of_its_own_names_the_setting(tmp_path, service):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        given = {
            "POSTHOUSE_DATA": str(tmp_path),
            "POSTHOUSE_DATABASE_URL": "postgresql://127.0.0.1:1/x",
            "POSTHOUSE_REDIS_URL": "redis://127.0.0.1:1/0",
            "POSTHOUSE_SECRET_KEYS": new_key(),
            f"POSTHOUSE_{service.upper()}_PORT": str(port),
        }
        command = [sys.executable, "-m", "posthouse.platform.cli", service]
        done = subprocess.run(command, env={**environment(), **given}, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith(f"posthouse: POSTHOUSE_{service.upper()}_PORT: 127.0.0.1:{port} can't be had")
    assert "Traceback" not in done.stderr


def test_a_port_that_becomes_free_in_time_is_had():
    """What a killed predecessor held comes free a moment later."""
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    freeing = threading.Timer(0.3, taken.close)
    freeing.start()
    ports.need("web", "127.0.0.1", port, patience_seconds=30)
    freeing.join()


def test_what_can_be_had_is_not_waited_for():
    ports.need("web", "127.0.0.1", free_port())


def test_a_host_of_another_machine_is_refused():
    with pytest.raises(WrongSetting, match=r"POSTHOUSE_INBOUND_PORT: 203\.0\.113\.9:25 can't be had"):
        ports.need("inbound", "203.0.113.9", 25)
