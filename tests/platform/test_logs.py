"""Logs: one line an event, and never in the way of the work they tell of."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from posthouse.platform import logs


def test_a_line_holds_the_event_and_its_facts(capsys):
    logs.configure(level="info", as_json=True, process="test")
    logs.get().warning("journal.failed", lease=7)
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["lease"], line["process"], line["level"]) == ("journal.failed", 7, "test", "warning")


def test_a_full_disk_under_the_log_stops_nobody(monkeypatch):
    """Writing to /dev/full fails as a full disk does; who logs doesn't notice, and neither does who logs next."""
    with io.TextIOWrapper(Path("/dev/full").open("wb", buffering=0), encoding="utf-8", write_through=True) as full:
        monkeypatch.setattr(sys, "stderr", full)
        logs.configure(level="info", as_json=True, process="test")
        logs.get().error("journal.failed", lease=7)
        logs.get().error("journal.failed", lease=8)
        with pytest.raises(OSError, match="No space left"):
            full.write("so it is full")
