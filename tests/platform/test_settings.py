"""Settings: read from the environment, handed on to processes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from posthouse.platform.settings import Settings, as_environment, load


def test_what_is_handed_to_a_process_is_read_there_again():
    """Settings written as an environment are the same settings when they are read; what stands at its default is left out."""
    changed = replace(Settings(), web_port=9000, allow_reserved_domains=True, log_json=False, data=Path("/srv/mail"))
    written = as_environment(changed)
    assert set(written) == {"POSTHOUSE_WEB_PORT", "POSTHOUSE_ALLOW_RESERVED_DOMAINS", "POSTHOUSE_LOG_JSON", "POSTHOUSE_DATA"}
    assert load(written) == changed
