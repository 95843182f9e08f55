"""Quoted-printable: decodes to what went in, and is unchanged by the wire and by canonicalisation."""

from __future__ import annotations

import quopri
import re

import pytest
from dkim.canonicalization import Relaxed
from hypothesis import example, given
from hypothesis import strategies as st

from posthouse.sending.content.encoding import encode

TEXT = st.text(st.one_of(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), st.sampled_from(" .=\t\r\nF")), max_size=400)


def normal(text: str) -> bytes:
    return text.replace("\r\n", "\n").replace("\r", "\n").encode()


@given(pieces=st.lists(TEXT, max_size=4))
@example(pieces=["From a\nFrom b", ".", "..\n.", " x ", "\t", "a  b", "x" * 500, "é" * 100, " " * 200])
@example(pieces=["a b" * 40 + "\r\r\n\n"])
def test_79_pieces_decode_to_the_text_and_are_canonical(pieces: list[str]) -> None:
    """Pieces joined decode to the joined text; every line is short; dots, trailing blanks and runs of blanks are gone; relaxed form is the same."""
    encoded = b"".join(encode(piece) for piece in pieces)
    assert quopri.decodestring(encoded.replace(b"\r\n", b"\n")) == b"".join(normal(piece) for piece in pieces)
    assert re.fullmatch(rb"(?:[ -~]|\r\n)*", encoded)
    for line in encoded.split(b"\r\n"):
        assert len(line) <= 76
        assert not line.startswith((b".", b"From "))
        assert not line.endswith(b" ")
        assert b"  " not in line
    closed = encoded + b"end\r\n"
    assert Relaxed.canonicalize_body(closed) == closed


@pytest.mark.parametrize("text", ["x" * 1_000_000, "é" * 300_000, "ab " * 300_000, "=" * 100_000])
def test_79_a_line_of_a_megabyte_is_folded(text: str) -> None:
    """A very long line becomes many short ones."""
    encoded = encode(text)
    assert max(map(len, encoded.split(b"\r\n"))) <= 76
    assert quopri.decodestring(encoded.replace(b"\r\n", b"\n")) == text.encode()
