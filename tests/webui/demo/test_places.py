"""Where a demonstration runs."""

import socket

import pytest

from posthouse.platform.settings import Settings, WrongSetting
from posthouse.webui.demo.places import settle


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    """A demonstration never runs over an installation's data."""
    (tmp_path / "postgres").mkdir()
    with pytest.raises(WrongSetting, match=r"POSTHOUSE_DATA: .* is not empty"):
        settle(Settings(), tmp_path, stripe_port=1)
    assert settle(Settings(), tmp_path / "new", stripe_port=1).data == tmp_path / "new"


def test_a_taken_port_is_replaced_unless_it_was_chosen(tmp_path):
    """The usual port is given up where somebody has it; one that was asked for is named, and nothing starts."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(WrongSetting, match=r"POSTHOUSE_WEB_PORT: port .* is taken"):
            settle(Settings(web_port=port), tmp_path, stripe_port=1)
        made = settle(Settings(), tmp_path, stripe_port=1)
    assert made.public_url == f"http://127.0.0.1:{made.web_port}"
    assert made.simulator_web == f"127.0.0.1:{made.web_port}"
    assert (made.submission_public_port, made.submission_public_tls_port) == (made.submission_port, made.submission_tls_port)
