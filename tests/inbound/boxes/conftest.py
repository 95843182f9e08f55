"""A mailroom on a real database, and mailbox servers on real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desk import Desk
from flask import Flask
from mailbox_server import Box, MailboxServer
from world import World


@pytest.fixture
def desk(app: Flask, world: World) -> Desk:
    """A mailroom with nothing in it."""
    del app
    return Desk(world)


@pytest.fixture
def serve(certificate: tuple[Path, Path]) -> Iterator[Callable[..., MailboxServer]]:
    """Start servers that end with the test."""
    running: list[MailboxServer] = []

    def start(box: Box, protocol: str, *, tls: bool = False, wrapped: bool = False) -> MailboxServer:
        keys = (str(certificate[0]), str(certificate[1])) if tls or wrapped else None
        running.append(MailboxServer(box, protocol, certificate=keys, wrapped=wrapped))
        return running[-1]

    yield start
    for one in running:
        one.close()
