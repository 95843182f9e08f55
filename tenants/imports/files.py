"""Keep uploaded files under the data folder, by random name in a folder for each tenant, never by the name that they came with."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from posthouse.platform.app import settings
from posthouse.platform.errors import Invalid
from posthouse.platform.scope import Scope
from posthouse.tenants.imports.reader import MAX_FILE_BYTES

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """A kept file."""

    name: str
    size_bytes: int


def keep(scope: Scope, source: BinaryIO) -> Stored:
    """Copy a file to the tenant's folder and sync it; a file over the limit is not kept. Raises: Invalid."""
    name = secrets.token_hex(16)
    path = locate(scope, name)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    size_bytes = 0
    try:
        with path.open("xb") as file:
            while block := source.read(_BLOCK_BYTES):
                size_bytes += len(block)
                if size_bytes > MAX_FILE_BYTES:
                    raise Invalid(
                        "file_too_large", f"The file is larger than {MAX_FILE_BYTES // 1024 // 1024} MB. Split it and import the parts."
                    )
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Stored(name, size_bytes)


def locate(scope: Scope, name: str) -> Path:
    """Say where a kept file lies."""
    if not name.isalnum():
        raise ValueError("a kept file's name has letters and digits only")
    return settings().data / "imports" / str(scope.tenant) / name


def drop(scope: Scope, name: str) -> None:
    """Delete a kept file; may be repeated."""
    locate(scope, name).unlink(missing_ok=True)
