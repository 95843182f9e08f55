"""The doctor asks each name server, with real packets: one that answers, one that is silent, one that refuses, one misspelt."""

from __future__ import annotations

from dataclasses import replace

import dns.rcode
import pytest
from nameserver import name_server
from product import free_port

from posthouse.platform.doctor.findings import Ground, Level
from posthouse.platform.settings import Settings
from posthouse.sending.domains import dns as client
from posthouse.sending.domains import doctor


def _look(servers: str):
    ground = Ground(replace(Settings(), dns_servers=servers, mail_domain="post.example"), None)
    return [(one.level, one.what) for one in doctor.CHECK.run(ground)]


def test_a_server_that_answers():
    with name_server() as server:
        assert _look(server) == [(Level.OK, f"{server} answers")]


def test_a_domain_to_which_no_mail_finds_its_way():
    with name_server(rcode=dns.rcode.NXDOMAIN) as server:
        assert _look(server)[1] == (Level.WARN, "post.example has no MX record")


def test_each_server_is_asked_for_itself(monkeypatch):
    """One that works does not hide one that does not: mail would wait for it at every question."""
    monkeypatch.setattr(client, "LIFETIME_SECONDS", 0.5)
    with name_server() as well, name_server(rcode=dns.rcode.REFUSED) as refuses:
        silent = f"127.0.0.1:{free_port()}"
        levels = [level for level, _ in _look(f"{well}, {refuses}, {silent}")]
    assert levels == [Level.OK, Level.FAIL, Level.FAIL]


@pytest.mark.parametrize("text", ["127.0.0.1:x", "not-an-address"])
def test_a_misspelt_server_is_named(text):
    [(level, what)] = _look(text)
    assert level is Level.FAIL
    assert text in what
