"""The command line tells a service that is away in a sentence, and keeps the stack of calls for what is a bug."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from posthouse.platform import cli
from posthouse.platform.app import create_core
from posthouse.platform.secrets import new_key


@pytest.fixture(autouse=True)
def _away(monkeypatch, tmp_path):
    monkeypatch.setattr("posthouse.platform.logs.configure", lambda **_: None)
    monkeypatch.setattr("posthouse.platform.shifts.PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr("posthouse.platform.scheduler.PATIENCE_SECONDS", 0.0)
    monkeypatch.setenv("POSTHOUSE_DATABASE_URL", "postgresql://u:hidden@127.0.0.1:1/x")
    monkeypatch.setenv("POSTHOUSE_REDIS_URL", "redis://:hidden@127.0.0.1:1/0")
    monkeypatch.setenv("POSTHOUSE_SECRET_KEYS", new_key())
    monkeypatch.setenv("POSTHOUSE_DATA", str(tmp_path))


@pytest.mark.parametrize(("command", "who"), [("first-run", "the database"), ("worker", "Redis"), ("scheduler", "the database")])
def test_a_service_that_is_away_is_told(capsys, command, who):
    assert cli.main([command]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"posthouse: {who} can't be reached (")
    assert "hidden" not in told
    assert len(told.splitlines()) == 1


def test_a_fault_in_a_statement_is_a_bug_and_keeps_its_stack(settings, monkeypatch):
    """The database answers, but says no: that is not the person's to mend."""

    def breaks(_settings, _arguments):
        core = create_core(settings, process="command")
        with core.app_context():
            engine = core.extensions["sqlalchemy"].engines["worker"]
            try:
                with engine.connect() as connection:
                    connection.execute(sa.text("SET LOCAL statement_timeout = '1ms'"))
                    connection.execute(sa.text("SELECT pg_sleep(5)"))
            finally:
                engine.dispose()

    commands = {"break": cli.Command("break", "Break.", breaks)}
    monkeypatch.setattr("posthouse.platform.rooms.assemble", lambda: type("House", (), {"commands": commands}))
    with pytest.raises(OperationalError, match="statement timeout"):
        cli.main(["break"])
