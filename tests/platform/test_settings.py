"""Settings: read from the environment, handed on to processes."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from posthouse.platform import logs
from posthouse.platform.cli import main
from posthouse.platform.secrets import new_key
from posthouse.platform.setting_reference import reference_page
from posthouse.platform.settings import Settings, as_environment, environment, load

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _logs_as_they_are(monkeypatch):
    """A command sets up the logs of its process, which here is the tests'."""
    monkeypatch.setattr(logs, "configure", lambda **_: None)


def test_what_is_handed_to_a_process_is_read_there_again():
    """Settings written as an environment are the same settings when they are read; what stands at its default is left out."""
    changed = replace(Settings(), web_port=9000, allow_reserved_domains=True, log_json=False, data=Path("/srv/mail"))
    written = as_environment(changed)
    assert set(written) == {"POSTHOUSE_WEB_PORT", "POSTHOUSE_ALLOW_RESERVED_DOMAINS", "POSTHOUSE_LOG_JSON", "POSTHOUSE_DATA"}
    assert load(written) == changed


def test_the_reference_page_is_up_to_date():
    """`posthouse settings --markdown > platform/settings.md` makes it again."""
    assert (ROOT / "platform" / "settings.md").read_text() == reference_page()


@pytest.mark.parametrize("declared", fields(Settings), ids=lambda one: one.name)
def test_every_setting_has_all_its_parts(declared):
    """Type, unit where it is a number, a default of that type that fits, and a sentence."""
    said = declared.metadata
    assert isinstance(declared.default, {"str": str, "int": int, "float": float, "bool": bool, "Path": Path}[str(declared.type)])
    assert bool(said["unit"]) == (declared.type in {"int", "float"})
    assert re.fullmatch(r"[A-Z].*[.]", said["sentence"])
    assert "|" not in said["sentence"]
    assert said["form"] is None or said["form"].fits(declared.default)


def test_the_list_for_people_and_the_page_name_every_setting(capsys):
    assert main(["settings"]) == 0
    listed = capsys.readouterr().out
    for declared in fields(Settings):
        assert f"POSTHOUSE_{declared.name.upper()} (" in listed
        assert f"| `POSTHOUSE_{declared.name.upper()}` |" in reference_page()


WRONG = [
    ("POSTHOUSE_WEB_PROT", "80", "there is no such setting. Did you mean POSTHOUSE_WEB_PORT?"),
    ("POSTHOUSE_", "x", "there is no such setting."),
    ("POSTHOUSE_WEB_PORT", "eighty", "'eighty' is not a whole number."),
    ("POSTHOUSE_WEB_PORT", "", "'' is not a whole number."),
    ("POSTHOUSE_WEB_PORT", "0", "'0' is not a port from 1 to 65535."),
    ("POSTHOUSE_WEB_PORT", "65536", "'65536' is not a port"),
    ("POSTHOUSE_WEB_THREADS", "0", "'0' is not 1 or more."),
    ("POSTHOUSE_INBOUND_MESSAGE_BYTES", "-1", "'-1' is not 1 or more."),
    ("POSTHOUSE_WORKERS_JOBS", "-1", "'-1' is not 0 or more."),
    ("POSTHOUSE_LOG_JSON", "perhaps", "'perhaps' is not yes or no."),
    ("POSTHOUSE_LOG_LEVEL", "loud", "'loud' is not debug, info, warning or error."),
    ("POSTHOUSE_PUBLIC_URL", "example.org", "'example.org' is not an address that begins with http://"),
    ("POSTHOUSE_PUBLIC_URL", "https://", "'https://' is not an address"),
    ("POSTHOUSE_STRIPE_API", "http://x:port", "'http://x:port' is not an address"),
    ("POSTHOUSE_MAIL_DOMAIN", "bad domain", "'bad domain' is not a host name."),
    ("POSTHOUSE_MAIL_DOMAIN", "", "'' is not a host name."),
    ("POSTHOUSE_DNS_SERVERS", "dns.example", "'dns.example' is not a list of IP addresses"),
    ("POSTHOUSE_DNS_SERVERS", "127.0.0.1:x", "is not a list of IP addresses"),
    ("POSTHOUSE_WEB_PROXIES", "10.0.0.0/8", "'10.0.0.0/8' is not a list of IP addresses."),
    ("POSTHOUSE_SIMULATOR_WEB", "8025", "'8025' is not HOST:PORT."),
    ("POSTHOUSE_DATA", " ", "is not a text that says something."),
    ("POSTHOUSE_DATABASE_URL", "mysql://me:hidden@h/x", "its value is not an address that begins with postgresql://"),
    ("POSTHOUSE_REDIS_URL", "hidden", "its value is not an address that begins with redis://"),
]


@pytest.mark.parametrize(("name", "value", "says"), WRONG)
def test_a_wrong_setting_stops_the_start_with_its_name_and_the_reason(monkeypatch, capsys, name, value, says):
    """At the command line: exit status 2, before anything is looked at; the value of a secret is not repeated."""
    monkeypatch.setenv(name, value)
    assert main(["scheduler"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"posthouse: {name}: ")
    assert says in told
    assert "hidden" not in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dns_servers", "127.0.0.1:53, ::1,192.0.2.1"),
        ("web_proxies", "10.0.0.1, ::1"),
        ("database_url", "postgresql://u:p@db:5432/posthouse?sslmode=require"),
        ("redis_url", "unix:///run/redis.sock?db=1"),
        ("public_url", "https://mail.example:8443"),
        ("log_level", "WARNING"),
        ("simulator_web", "[::1]:80"),
    ],
)
def test_what_fits_is_taken(name, value):
    assert getattr(load({f"POSTHOUSE_{name.upper()}": value}), name) == value


def test_a_wrong_key_stops_the_start_unseen(monkeypatch, capsys):
    monkeypatch.setenv("POSTHOUSE_SECRET_KEYS", "1:hidden")
    monkeypatch.setenv("POSTHOUSE_DATABASE_URL", "postgresql://h/x")
    assert main(["migrate"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("posthouse: POSTHOUSE_SECRET_KEYS: ")
    assert "hidden" not in told


def test_the_installed_program_does_the_same():
    """One look from outside: the program itself, not the function."""
    command = [sys.executable, "-m", "posthouse.platform.cli", "web"]
    done = subprocess.run(command, env={**environment(), "POSTHOUSE_WEB_PROT": "80"}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == "posthouse: POSTHOUSE_WEB_PROT: there is no such setting. Did you mean POSTHOUSE_WEB_PORT? See `posthouse settings`.\n"
    )


def test_what_explains_the_settings_runs_although_one_is_wrong(monkeypatch, capsys):
    monkeypatch.setenv("POSTHOUSE_WEB_PROT", "80")
    assert main(["settings"]) == 0
    assert "POSTHOUSE_WEB_PORT" in capsys.readouterr().out


@pytest.mark.parametrize("url", ["postgresql://u:hidden@127.0.0.1:1/x", "postgresql://u:hidden@/x?host=/nowhere"])
def test_a_database_that_is_not_there_is_told_in_a_sentence(monkeypatch, capsys, url):
    """No stack of calls, no password; and where to look further."""
    monkeypatch.setenv("POSTHOUSE_DATABASE_URL", url)
    monkeypatch.setenv("POSTHOUSE_SECRET_KEYS", new_key())
    assert main(["migrate"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("posthouse: POSTHOUSE_DATABASE_URL: the database can't be reached (")
    assert told.endswith("`posthouse doctor` says more.\n")
    assert "hidden" not in told
