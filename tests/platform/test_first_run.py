"""`posthouse first-run`: an installation whose processes run one by one gets somebody who can sign in."""

from __future__ import annotations

from posthouse.platform.cli import main
from posthouse.platform.first_run import make_first


def test_the_first_operator_is_made_once(settings):
    [line] = make_first(settings)
    assert line.startswith("Sign in as operator@")
    assert make_first(settings) == []


def test_a_database_must_be_named(capsys, monkeypatch):
    monkeypatch.setattr("posthouse.platform.logs.configure", lambda **_: None)
    assert main(["first-run"]) == 2
    assert "POSTHOUSE_DATABASE_URL" in capsys.readouterr().err
