"""The doctor sees whether the front end has been built, and whether all of it is there."""

from __future__ import annotations

import json

import pytest

from posthouse.platform.doctor.findings import Ground, Level
from posthouse.platform.settings import Settings
from posthouse.webui.edge import assets, doctor


@pytest.mark.parametrize(
    ("files", "level"),
    [
        ({}, Level.FAIL),
        ({"manifest.json": "{"}, Level.FAIL),
        ({"manifest.json": json.dumps({"app.js": "app-1.js"})}, Level.FAIL),
        ({"manifest.json": json.dumps({"app.js": "app-1.js"}), "app-1.js": "//"}, Level.OK),
    ],
)
def test_what_was_built(tmp_path, monkeypatch, files, level):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(assets, "FOLDER", tmp_path)
    assert [one.level for one in doctor.CHECK.run(Ground(Settings(), None))] == [level]
