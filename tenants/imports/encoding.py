"""Find out how a file's text is encoded.

The whole file is read once, for the first letter outside ASCII may stand in its last row. Order: byte order mark, zero bytes (UTF-16
without a mark), valid UTF-8, else Windows-1252 (of which Latin-1 is a part in all that people type). A file that has more UTF-8 letters than
bytes that aren't UTF-8 is *mixed*: it is read as UTF-8, and each stray byte as Windows-1252.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import BinaryIO

_BLOCK_BYTES = 1 << 20
_PROBE_BYTES = 4096
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LETTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]{2}|\xe0[\xa0-\xbf][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{3}")
_CUT_LETTER = re.compile(rb"[\xc2-\xf4][\x80-\xbf]{0,2}\Z")
_HIGH = re.compile(rb"[\x80-\xff]")

CHOICES = (
    "utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "cp1252", "latin-1", "iso8859-15", "cp1250", "iso8859-2", "cp1251", "koi8-r", "cp1253",
    "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "mac-roman", "cp437", "cp850", "shift_jis", "euc-jp", "gb18030", "big5", "euc-kr",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Encoding:
    """How to read a file: `name` is one of CHOICES, `skip_bytes` the length of its mark, `mixed` says that stray bytes were found."""

    name: str
    skip_bytes: int = 0
    mixed: bool = False

    @property
    def errors(self) -> str:
        """The codec error handler to open the file with: bytes without meaning become Windows-1252 or U+FFFD, never nothing."""
        return _stray_handler() if self.name in {"utf-8", "cp1252"} else "replace"


def detect(file: BinaryIO) -> Encoding:
    """Read the file from its start and say how it is encoded; leaves the position anywhere. Never raises for what is in it."""
    file.seek(0)
    head = file.read(_PROBE_BYTES)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name, skip_bytes=len(mark))
    if head.startswith(codecs.BOM_UTF8):
        return _detect_utf8(file, skip_bytes=len(codecs.BOM_UTF8))
    return _detect_by_zeros(head) or _detect_utf8(file, skip_bytes=0)


def _detect_by_zeros(head: bytes) -> Encoding | None:
    """Text in UTF-16 has a zero byte beside nearly every Latin letter, comma and line break; other text has none."""
    pairs = len(head) // 2
    even, odd = head[0 : 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if odd * 5 > pairs * 2 and even * 10 < pairs:
        return Encoding("utf-16-le")
    if even * 5 > pairs * 2 and odd * 10 < pairs:
        return Encoding("utf-16-be")
    return None


def _detect_utf8(file: BinaryIO, *, skip_bytes: int) -> Encoding:
    letters = strays = 0
    carry = b""
    file.seek(skip_bytes)
    while read := file.read(_BLOCK_BYTES):
        block = carry + read
        carry = b""
        if block.isascii():
            continue
        if (cut := _CUT_LETTER.search(block)) is not None:
            block, carry = block[: cut.start()], cut.group()
        rest, found = _LETTER.subn(b"", block)
        letters += found
        strays += len(_HIGH.findall(rest))
    rest, found = _LETTER.subn(b"", carry)
    return _judge(letters + found, strays + len(rest), skip_bytes)


def _judge(letters: int, strays: int, skip_bytes: int) -> Encoding:
    if strays == 0:
        return Encoding("utf-8", skip_bytes=skip_bytes)
    if letters > strays or skip_bytes:
        return Encoding("utf-8", skip_bytes=skip_bytes, mixed=True)
    return Encoding("cp1252")


def _stray_handler() -> str:
    codecs.register_error("posthouse.stray", _read_stray)
    return "posthouse.stray"


def _read_stray(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    stray = error.object[error.start : error.end]
    letters = "".join(bytes((byte,)).decode("cp1252", "replace") for byte in stray)
    return letters, error.end
