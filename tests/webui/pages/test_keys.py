"""The keys page tells programs how to send by SMTP, where the installation offers it, and names nobody."""

from __future__ import annotations

from pathlib import Path

from street import open_street
from visitor import Visitor


def test_the_page_says_how_to_send_by_smtp(tmp_path: Path) -> None:
    """Server and ports as programs reach them; a port that is not open is not shown."""
    with open_street(
        tmp_path, submission_plain_loopback=True, submission_hostname="smtp.post.example", submission_public_port=587
    ) as street:
        person = Visitor(street.served.url)
        person.sign_in(street.world.a1.email)
        text = person.get("/keys").text
    assert "smtp.post.example" in text
    assert "Port with STARTTLS" in text
    assert "587" in text
    assert "Port with TLS" not in text
    assert "posthouse" not in text.lower()


def test_where_nothing_is_offered_nothing_is_shown(tmp_path: Path) -> None:
    """Without a certificate the service doesn't run."""
    with open_street(tmp_path) as street:
        person = Visitor(street.served.url)
        person.sign_in(street.world.a1.email)
        assert "Send by SMTP" not in person.get("/keys").text
