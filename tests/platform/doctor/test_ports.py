"""The doctor tells a free port from one that a stranger holds, and from one that is held by ourselves."""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import replace

import pytest
from product import free_port

from posthouse.platform.doctor import ports
from posthouse.platform.doctor.findings import Ground, Level
from posthouse.platform.settings import Settings, environment

# Looks like a service of ours: the module's name among its words, a port held by a child of it.
HOLDER = """
import socket, sys
held = socket.create_server(("127.0.0.1", 0))
print(held.getsockname()[1], flush=True)
sys.stdin.read()
"""


def _look(tmp_path, **changes):
    settings = replace(Settings(), data=tmp_path, **({"web_port": free_port(), "inbound_port": free_port()} | changes))
    return list(ports.look(Ground(settings, None)))


def test_free_ports(tmp_path):
    assert [(one.level, one.what.endswith("is free")) for one in _look(tmp_path)] == [(Level.OK, True)] * 2


def test_a_stranger_holds_it(tmp_path):
    command = [sys.executable, "-c", HOLDER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stranger:
        port = int(stranger.stdout.readline())
        web = _look(tmp_path, web_port=port)[0]
        stranger.stdin.close()
    assert (web.level, f"process {stranger.pid}" in web.what) == (Level.FAIL, True)
    assert "POSTHOUSE_WEB_PORT" in web.do


@pytest.mark.parametrize(("folder", "level"), [("", Level.OK), ("another", Level.FAIL)])
def test_our_own_process_may_hold_it_and_another_installations_may_not(tmp_path, folder, level):
    command = [sys.executable, "-c", HOLDER, "posthouse.platform.cli", "inbound"]
    env = {**environment(), "POSTHOUSE_DATA": str(tmp_path / folder)}
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as ours:
        port = int(ours.stdout.readline())
        inbound = _look(tmp_path, inbound_port=port)[1]
        ours.stdin.close()
    assert inbound.level is level, inbound


def test_an_address_that_is_not_this_machines(tmp_path):
    web = _look(tmp_path, web_host="203.0.113.9")[0]
    assert (web.level, "can't be had" in web.what) == (Level.FAIL, True)


def test_a_name_that_is_no_address(tmp_path):
    assert _look(tmp_path, web_host="no.such.host.invalid")[0].level is Level.FAIL


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_ipv6_is_tried_as_ipv6(tmp_path):
    assert _look(tmp_path, web_host="::1")[0].what.startswith("web: ::1:")
