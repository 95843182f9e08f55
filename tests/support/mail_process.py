"""One of the product's processes that take mail by SMTP, `inbound` or `submission`, on a test's services: started, killed, stopped."""

from __future__ import annotations

import signal
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager

import births
from product import free_port, until

from posthouse.platform.nursery import Child
from posthouse.platform.settings import Settings, environment


class MailProcess:
    """`posthouse COMMAND` on a free loopback port; `more` are further settings by their names."""

    def __init__(self, settings: Settings, command: str, **more: str) -> None:
        """Nothing is started yet."""
        self.port = free_port()
        self._command = command
        self._environment = {
            **{name: value for name, value in environment().items() if not name.startswith("POSTHOUSE_")},
            "POSTHOUSE_DATA": str(settings.data),
            "POSTHOUSE_DATABASE_URL": settings.database_url,
            "POSTHOUSE_REDIS_URL": settings.redis_url,
            "POSTHOUSE_SECRET_KEYS": settings.secret_keys,
            f"POSTHOUSE_{command.upper()}_PORT": str(self.port),
            "POSTHOUSE_MAIL_DOMAIN": "mail.example",
            **more,
        }
        self.running: Child | None = None

    def start(self, **changed: str) -> None:
        """Start it, with changed settings if any are given; returns when it answers."""
        self.running = births.start([self._command], {**self._environment, **changed})
        until(self._answers, 60)

    def _answers(self) -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=5) as client:
                return client.noop()[0] == 250
        except (OSError, smtplib.SMTPException):
            return False

    def kill(self) -> None:
        """End it at once, as kill -9 does."""
        assert self.running is not None
        self.running.kill()
        self.running.wait()

    def stop(self) -> int:
        """Ask it to end; returns its exit status."""
        assert self.running is not None
        self.running.send_signal(signal.SIGTERM)
        return self.running.wait(10)


@contextmanager
def mail_process(settings: Settings, command: str, **more: str) -> Iterator[MailProcess]:
    """Give a process that is not started yet; it is killed at the end if it still runs."""
    made = MailProcess(settings, command, **more)
    yield made
    if made.running is not None and made.running.poll() is None:
        made.kill()
