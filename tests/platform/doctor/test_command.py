"""`posthouse doctor` on whole installations: well ones pass, and each fault ends in exit status 1 with what to do."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace

import pytest
from product import fetch, free_port, make_product, until

from posthouse.platform.doctor import command
from posthouse.platform.doctor.findings import Check, Level
from posthouse.platform.embedded import postgres, redis
from posthouse.platform.migrate import migrate
from posthouse.platform.secrets import ensure_key_file, load_keyring
from posthouse.platform.settings import Settings, environment

CHECKS = {"keys", "database", "migrations", "roles", "redis", "disk", "ports", "clock", "dns", "assets"}


def _fresh(data, dns_server):
    """An installation on embedded services, on ports that nobody has."""
    return Settings(data=data, dns_servers=dns_server, web_port=free_port(), inbound_port=free_port())


def _bad(findings, level="fail"):
    return [one for one in findings if one["level"] == level]


def test_a_well_installation_passes_every_question(site, doctor):
    status, findings = doctor(site.settings)
    assert (status, _bad(findings)) == (0, [])
    assert {one["check"] for one in findings} == CHECKS


def test_every_fault_says_what_to_do(site, doctor):
    broken = replace(site.settings, redis_url="redis://127.0.0.1:1/0", free_disk_bytes=10**15, dns_servers="127.0.0.1:1")
    status, findings = doctor(broken)
    assert status == 1
    assert {one["check"] for one in _bad(findings)} == {"redis", "disk", "dns"}
    assert all(one["do"] for one in findings if one["level"] != "ok")


def test_without_services_and_files_nothing_is_made(tmp_path, dns_server, doctor):
    """A look before the first start is no failure, and leaves no trace."""
    data = tmp_path / "nothing"
    status, findings = doctor(_fresh(data, dns_server))
    assert status == 0, _bad(findings)
    assert not data.exists()


def test_embedded_services_are_looked_at_whether_they_run_or_not(tmp_path, dns_server, doctor):
    """Stopped ones are started for the look and stopped after it; running ones are asked where they are."""
    settings = _fresh(tmp_path / "data", dns_server)
    ensure_key_file(settings)
    database, doorbell = postgres.start(settings.data, durable=True), redis.start(settings.data, durable=True)
    try:
        migrate(database.url, load_keyring(settings))
        status, findings = doctor(settings)
        assert (status, _bad(findings)) == (0, [])
        assert sum("running" in one["what"] and "not running" not in one["what"] for one in findings) == 2
    finally:
        database.stop()
        doorbell.stop()
    status, findings = doctor(settings)
    assert (status, _bad(findings)) == (0, [])
    assert sum("started for this look" in one["what"] for one in findings) == 2
    assert {"database", "roles", "migrations"} <= {one["check"] for one in findings}
    again = postgres.start(settings.data, durable=True)  # nobody holds it any more
    again.stop()


def test_a_running_product_is_well_and_holds_its_ports_itself(tmp_path, dns_server, doctor):
    product = make_product(tmp_path)
    try:
        product.start("up")
        until(lambda: fetch(product.url + "/health/ready"), 120)
        settings = replace(_fresh(product.folder / "data", dns_server), **product.ports)
        status, findings = doctor(settings)
    finally:
        product.end()
    assert (status, _bad(findings)) == (0, [])
    assert sum("is held by our process" in one["what"] for one in findings) == 2


def test_an_embedded_server_that_does_not_start_is_a_failure(tmp_path, dns_server, doctor):
    settings = _fresh(tmp_path / "data", dns_server)
    postgres.start(settings.data, durable=True).stop()
    (settings.data / "postgres" / "PG_VERSION").write_text("9.6\n")
    status, findings = doctor(settings)
    assert status == 1
    assert "postgres" in {one["check"] for one in _bad(findings)}


def test_people_get_lines(tmp_path, dns_server):
    ports = {f"POSTHOUSE_{name}_PORT": str(free_port()) for name in ("WEB", "INBOUND")}
    command = [sys.executable, "-m", "posthouse.platform.cli", "doctor"]
    env = {**environment(), "POSTHOUSE_DATA": str(tmp_path / "none"), "POSTHOUSE_DNS_SERVERS": dns_server, **ports}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert all(re.match(r"(ok|warn|fail) +\w+ +\S|  +\S", line) for line in lines)
    assert any(line.startswith("ok    disk") for line in lines)


def test_a_question_that_breaks_does_not_silence_the_others(site):
    def breaks(_ground):
        raise RuntimeError("oh")

    found = list(command.examine(site.ground, [Check("broken", breaks), *command.CHECKS[-1:]]))
    assert (found[0].level, found[0].check) == (Level.FAIL, "broken")
    assert {one.check for one in found[1:]} == {"ports"}


@pytest.mark.parametrize("option", ["--clock=ftp://x", "--clock=http://127.0.0.1:1/"])
def test_a_web_clock_that_cannot_be_read_is_named(site, doctor, option):
    _, findings = doctor(site.settings, option)
    assert [one["level"] for one in findings if one["check"] == "clock" and option[8:] in one["what"]] in (["warn"], ["fail"])
