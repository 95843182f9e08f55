"""What single messages are held to. Pure."""

from datetime import timedelta

REMEMBERED = timedelta(days=7)
"""How long a repeated request is known: as long as a mail server that heard no answer may try again (RFC 5321 4.5.4.1)."""
