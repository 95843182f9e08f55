"""Files made for download: written whole within the transaction, then sent, so that what is refused sends nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable

from flask import send_file
from werkzeug.wrappers import Response

KEPT_IN_MEMORY_BYTES = 4_000_000


def csv_file(pieces: Iterable[str]) -> tempfile.SpooledTemporaryFile[bytes]:
    """Write CSV text to a file of its own; with the mark by which spreadsheets know UTF-8."""
    file = tempfile.SpooledTemporaryFile(max_size=KEPT_IN_MEMORY_BYTES)  # noqa: SIM115 - closed when it has been sent
    file.write(b"\xef\xbb\xbf")
    for piece in pieces:
        file.write(piece.encode("utf-8", "replace"))
    file.seek(0)
    return file


def send_csv(file: tempfile.SpooledTemporaryFile[bytes], name: str) -> Response:
    """Send a CSV file under a name of ours."""
    return send_file(file, mimetype="text/csv", as_attachment=True, download_name=name, max_age=0)
