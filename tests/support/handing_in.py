"""A running submission service on a thread of its own, and plain clients for it."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask

from posthouse.inbound.listener.limits import Limits
from posthouse.inbound.submission.server import Ports, Submission
from posthouse.platform.app import create_core
from posthouse.platform.settings import Settings

HOST = "mx.mail.example"


class Handing:
    """The service; `app` is its own, with the database roles of its process."""

    def __init__(self, settings: Settings, limits: Limits | None = None) -> None:
        self.app: Flask = create_core(settings, process="submission", pool_size=4)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.service = Submission(self.app, settings, limits)
        self.ports: Ports = asyncio.run_coroutine_threadsafe(self.service.start(any_port=True), self.loop).result(10)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.service.stop(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()
        with self.app.app_context():
            for engine in self.app.extensions["sqlalchemy"].engines.values():
                engine.dispose()


@contextmanager
def handing(settings: Settings, limits: Limits | None = None) -> Iterator[Handing]:
    service = Handing(settings, limits)
    try:
        yield service
    finally:
        service.close()


def trusting(certificate: Path) -> ssl.SSLContext:
    """TLS as a client that knows the certificate."""
    return ssl.create_default_context(cafile=str(certificate))


class Talker:
    """A client that says exactly what it is told."""

    def __init__(self, port: int) -> None:
        self.socket: socket.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.file = self.socket.makefile("rb")
        self.banner = self.reply()

    def reply(self) -> str:
        """The next reply, its lines joined; empty when the service has closed."""
        lines = []
        while True:
            try:
                line = self.file.readline().decode()
            except ConnectionError:
                return ""
            lines.append(line.rstrip("\r\n"))
            if line[3:4] != "-":
                return "\n".join(lines)

    def say(self, text: str | bytes) -> str:
        self.socket.sendall((text if isinstance(text, bytes) else text.encode()) + b"\r\n")
        return self.reply()

    def secure(self, context: ssl.SSLContext) -> str:
        """STARTTLS and a new EHLO."""
        assert self.say("STARTTLS").startswith("220")
        self.socket = context.wrap_socket(self.socket, server_hostname=HOST)
        self.file = self.socket.makefile("rb")
        return self.say("EHLO program.example")

    def sign_in(self, key: str, user: str = "key") -> str:
        return self.say("AUTH PLAIN " + base64.b64encode(f"\0{user}\0{key}".encode()).decode())

    def send(self, raw: bytes, *recipients: str) -> str:
        """One whole transaction; returns the last reply."""
        answers = [self.say("MAIL FROM:<shop@tea.example.com>"), *(self.say(f"RCPT TO:<{to}>") for to in recipients)]
        if not any(answer.startswith("250") for answer in answers[1:]) or not answers[0].startswith("250"):
            return "\n".join(answers)
        assert self.say("DATA").startswith("354")
        return self.say(raw.replace(b"\r\n.", b"\r\n..") + b".")

    def close(self) -> None:
        self.file.close()
        self.socket.close()
