"""Templates are compiled once for a test process, not once for each test's own web application."""

from __future__ import annotations

from types import CodeType

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache


class _Compiled(BytecodeCache):
    """Keeps what a template was compiled to; Jinja asks for the very text that it was compiled from."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._kept[bucket.key, bucket.checksum] = bucket.code


def compile_once() -> None:
    """Have every Flask application of this process share its compiled templates."""
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": _Compiled()}
