"""The doctor measures the disk under the data folder, and its clock against others'."""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from posthouse.platform import clock
from posthouse.platform.doctor import machine
from posthouse.platform.doctor.findings import Ground, Level
from posthouse.platform.settings import Settings


def _disk(**changes):
    return list(machine.disk(Ground(replace(Settings(), **changes), None)))


def test_the_room_is_measured_where_the_data_folder_will_be(tmp_path):
    [found] = _disk(data=tmp_path / "not" / "yet", free_disk_bytes=1)
    assert found.level is Level.OK
    assert str(tmp_path) in found.what


def test_too_little_room_fails_and_little_room_warns(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    assert [one.level for one in _disk(data=tmp_path, free_disk_bytes=free * 2)] == [Level.FAIL]
    assert [one.level for one in _disk(data=tmp_path, free_disk_bytes=free * 3 // 4)] == [Level.WARN]


def test_a_file_system_without_room_for_files(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "FEWEST_FILES", 10**18)
    found = _disk(data=tmp_path, free_disk_bytes=1)
    assert (found[-1].level, "more files fit" in found[-1].what) == (Level.FAIL, True)


def test_a_folder_that_refuses_us(tmp_path, monkeypatch):
    """Asked of the system as it answers an account without rights; the tests' own may be root, who has them all."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    [found] = _disk(data=tmp_path / "data")
    assert (found.level, found.what) == (Level.FAIL, f"{tmp_path} can't be written to")


@pytest.mark.parametrize(("ahead", "level"), [(0, Level.OK), (5, Level.WARN), (-5, Level.WARN), (60, Level.FAIL), (-3600, Level.FAIL)])
def test_a_clock_that_goes_wrong_is_told_by_database_and_redis(site, ahead, level):
    with clock.frozen(clock.now() + timedelta(seconds=ahead)):
        found = list(machine.clocks(site.ground))
    assert [one.level for one in found] == [level, level]


class _Timed(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    def date_time_string(self, timestamp=None):
        return "Sun, 01 Mar 2026 12:00:00 GMT"

    def log_message(self, *_):
        pass


def test_a_web_server_is_asked_only_if_it_is_given(site):
    with HTTPServer(("127.0.0.1", 0), _Timed) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            with clock.frozen(datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)):
                bare = replace(site.ground, settings=replace(site.settings, database_url="", redis_url=""))
                found = list(machine.clocks(bare, web=f"http://127.0.0.1:{server.server_port}/"))
                assert list(machine.clocks(bare)) == []
        finally:
            server.shutdown()
            serving.join()
    assert [one.level for one in found] == [Level.OK]
