"""Folder names go to the server in modified UTF-7."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.inbound.boxes.folders import encode


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("INBOX", "INBOX"),
        ("Returned & lost", "Returned &- lost"),
        ("Entwürfe", "Entw&APw-rfe"),
        ("Rückläufer/alt", "R&APw-ckl&AOQ-ufer/alt"),
        ("受信トレイ", "&U9dP4TDIMOwwpA-"),
        ("Отправленные", "&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-"),
        ("📬", "&2D3c7A-"),
        ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
    ],
)
def test_known_names(name: str, written: str) -> None:
    """The last is the example of RFC 3501 5.1.3."""
    assert encode(name) == written


@settings(max_examples=200)
@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_what_is_written_is_ascii_and_reads_back(name: str) -> None:
    """Nothing is lost on the way."""
    written = encode(name)
    assert written.isascii()
    assert written.isprintable()
    assert _read(written) == name


def _read(written: str) -> str:
    first, *pieces = written.split("&")
    return first + "".join("&" + one[1:] if one.startswith("-") else _unshifted(*one.split("-", 1)) for one in pieces)


def _unshifted(coded: str, after: str) -> str:
    whole = coded.replace(",", "/") + "=" * (-len(coded) % 4)
    return base64.b64decode(whole, validate=True).decode("utf-16-be") + after
