"""How a file's text is encoded (row 27 of the bad inputs)."""

import codecs
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.tenants.imports.encoding import Encoding, detect
from posthouse.tenants.imports.reader import open_text

TEXT = "email,name\r\njosé@company.com,Müller “the” – Größe €\r\nx@y.com,Łódź\r\n"
WESTERN = TEXT.replace("Łódź", "Çà")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (TEXT.encode(), Encoding("utf-8")),
        (codecs.BOM_UTF8 + TEXT.encode(), Encoding("utf-8", 3)),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), Encoding("utf-16-le", 2)),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), Encoding("utf-16-be", 2)),
        (codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"), Encoding("utf-32-le", 4)),
        (TEXT.encode("utf-16-le"), Encoding("utf-16-le")),
        (TEXT.encode("utf-16-be"), Encoding("utf-16-be")),
        (WESTERN.encode("cp1252"), Encoding("cp1252")),
        (WESTERN.translate({0x201C: '"', 0x201D: '"', 0x2013: "-", 0x20AC: "E"}).encode("latin-1"), Encoding("cp1252")),
        (b"", Encoding("utf-8")),
        (b"\xff", Encoding("cp1252")),
    ],
)
def test_row_27_detected(data, expected):
    """Each encoding that lists come in is recognised, with its mark."""
    file = io.BytesIO(data)
    assert detect(file) == expected
    assert open_text(file, expected).read() == data[expected.skip_bytes :].decode(expected.name)


def test_row_27_mixed_keeps_every_letter():
    """A file of which a part is UTF-8 and a part isn't is read letter by letter."""
    data = ("é" * 5).encode() + b"\n" + "Müller".encode("cp1252") + b"\x81\n"
    file = io.BytesIO(data)
    found = detect(file)
    assert found == Encoding("utf-8", mixed=True)
    assert open_text(file, found).read().startswith("ééééé\nMüller")


@pytest.mark.parametrize("offset", range(-4, 5))
def test_letter_across_blocks(offset):
    """A letter that lies across two blocks of reading counts as one."""
    data = b"a" * ((1 << 20) + offset) + "é€😀".encode() * 3
    assert detect(io.BytesIO(data)) == Encoding("utf-8")


def test_first_letter_in_the_last_row():
    """The whole file is looked at."""
    assert detect(io.BytesIO(b"a@b.com\n" * 400_000 + b"M\xfcller")) == Encoding("cp1252")


@given(st.binary(max_size=300))
def test_never_raises(data):
    """Any bytes are some text."""
    file = io.BytesIO(data)
    assert isinstance(open_text(file, detect(file)).read(), str)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=300))
def test_utf8_round_trip(text):
    """UTF-8 text is always read as what was written."""
    file = io.BytesIO(text.encode())
    assert open_text(file, detect(file)).read() == text
