"""A file is looked at before it is imported."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.tenants.imports import reader
from posthouse.tenants.imports.preview import FileRefused, Preview, Wishes, look


def look_at(data, **options):
    return look(io.BytesIO(data), **options)


def test_usual_file():
    """Encoding, separator, header, columns and first rows are found together."""
    data = "E-Mail;Vorname\r\nann@b.com;Jürgen\r\nbob@b.com;Bob\r\n".encode("cp1252")
    seen = look_at(data)
    assert isinstance(seen, Preview)
    assert (seen.shape.encoding.name, seen.shape.delimiter, seen.shape.header) == ("cp1252", ";", True)
    assert [column.target for column in seen.columns] == ["email", "first_name"]
    assert [row.cells for row in seen.rows] == [["ann@b.com", "Jürgen"], ["bob@b.com", "Bob"]]


def test_header_less_list():
    """A plain list of addresses has no header and one column."""
    seen = look_at(b"a@b.com\nc@d.com\n")
    assert isinstance(seen, Preview)
    assert not seen.shape.header
    assert [column.target for column in seen.columns] == ["email"]
    assert len(seen.rows) == 2


def zipped():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../bomb.csv", b"0" * 10_000_000)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file_empty"),
        (b"\r\n\r\n  \n,,\n", "file_empty"),
        (b"\xef\xbb\xbf", "file_empty"),
        (b"email,name\n", "file_without_rows"),
        (zipped(), "file_is_spreadsheet"),  # row 28
        (b"\x1f\x8b\x08\x00" + b"0" * 50, "file_is_packed"),  # row 28
        (b"PK\x03\x04xl/workbook.xml", "file_is_spreadsheet"),  # row 36
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"0" * 50, "file_is_spreadsheet"),  # row 36
        (b"%PDF-1.7", "file_is_not_text"),
        (b"x" * 1_000_000, "row_too_long"),
    ],
)
def test_rows_28_and_36_files_that_are_no_lists(data, code):
    """What can't be imported is refused with a sentence that says what to do; an archive is never unpacked."""
    refused = look_at(data)
    assert isinstance(refused, FileRefused)
    assert refused.code == code


def test_200_mb_file_is_refused(tmp_path, monkeypatch):
    """A file over the limit is refused by its size, unread."""
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.truncate(reader.MAX_FILE_BYTES + 1)
    with path.open("rb") as file:
        refused = look(file)
    assert isinstance(refused, FileRefused)
    assert refused.code == "file_too_large"


def test_wishes():
    """A person's word goes over the guess; a wish outside the choices is refused."""
    data = "mail\nмир@почта.рф\n".encode("cp1251")
    seen = look_at(data, wishes=Wishes(encoding="cp1251", delimiter=";", header=False))
    assert isinstance(seen, Preview)
    assert seen.rows[1].cells == ["мир@почта.рф"]
    assert not seen.shape.header
    for wish, code in ((Wishes(encoding="rot13"), "encoding_unknown"), (Wishes(delimiter="@"), "delimiter_unknown")):
        refused = look_at(data, wishes=wish)
        assert isinstance(refused, FileRefused)
        assert refused.code == code


@given(st.binary(max_size=400))
def test_never_raises(data):
    """Any bytes get a preview or a refusal."""
    assert isinstance(look_at(data), Preview | FileRefused)
