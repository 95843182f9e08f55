"""Decide what of a mailbox is done and when to come again: pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlsplit

from posthouse.inbound.boxes.cards import Listed
from posthouse.inbound.parsing.headers import addresses
from posthouse.inbound.parsing.ids import of_address
from posthouse.platform.errors import Invalid

PROTOCOLS = ("imap", "pop3")
SIGN_INS = ("password", "xoauth2")
TOKEN_HOSTS = ("oauth2.googleapis.com", "login.microsoftonline.com")
"""Where refresh tokens may be sent, besides what a setting adds."""
ENCRYPTIONS = ("tls", "starttls", "none")
AFTERWARDS = {"imap": ("delete", "move", "mark", "leave"), "pop3": ("delete", "leave")}
EVERY = timedelta(minutes=2)
LONGEST_WAIT = timedelta(hours=1)
GIVEN_UP = 5
"""A mail that could not be fetched so often is left where it is, so that it holds nobody up."""
_ADDRESSED = re.compile(
    rb"^(?:delivered-to|x-original-to|envelope-to|x-envelope-to|to):[ \t]*([^\r\n]{1,1000})", re.IGNORECASE | re.MULTILINE
)
_HEAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Draft:
    """A mailbox as typed."""

    label: str
    protocol: str
    host: str
    port: int
    tls: str
    verify_tls: bool
    username: str
    folder: str = "INBOX"
    afterwards: str = "delete"
    move_to: str = ""
    signs_in: str = "password"
    token_url: str = ""
    client_id: str = ""


def clean(draft: Draft, *, token_hosts: Sequence[str] = TOKEN_HOSTS) -> Draft:
    """Tidy what was typed. Raises: Invalid, saying which field and why."""
    oauth = draft.signs_in == "xoauth2"
    draft = replace(
        draft,
        label=draft.label.strip()[:100],
        host=draft.host.strip().lower().rstrip("."),
        username=draft.username.strip(),
        folder=draft.folder.strip() or "INBOX",
        move_to=draft.move_to.strip() if draft.afterwards == "move" else "",
        token_url=draft.token_url.strip() if oauth else "",
        client_id=draft.client_id.strip() if oauth else "",
    )
    _check_sign_in(draft, token_hosts)
    if draft.protocol not in PROTOCOLS or draft.tls not in ENCRYPTIONS:
        raise Invalid("box_malformed", "Choose protocol and encryption from the lists.", field="protocol")
    if not re.fullmatch(r"[a-z0-9._:\-]{1,253}", draft.host):
        raise Invalid("box_host_malformed", "Give the name of the mail server, such as imap.example.com.", field="host")
    if not 1 <= draft.port <= 65535:
        raise Invalid("box_port_malformed", "A port is a number from 1 to 65535; usual are 993, 143, 995 and 110.", field="port")
    if not 1 <= len(draft.username) <= 320 or not draft.username.isprintable():
        raise Invalid("box_user_missing", "Give the user name of the mailbox, often its address.", field="username")
    if draft.afterwards not in AFTERWARDS[draft.protocol]:
        raise Invalid("box_afterwards", "By POP3 mails can be deleted or left; only IMAP can move or mark them.", field="afterwards")
    if any(not 1 <= len(one) <= 200 or not one.isprintable() for one in (draft.folder, draft.move_to or "-")):
        raise Invalid("box_folder_malformed", "Folder names have up to 200 letters, as your mail program shows them.", field="folder")
    if draft.afterwards == "move" and draft.move_to in ("", draft.folder):
        raise Invalid("box_move_to", "Name another folder to which mails are moved.", field="move_to")
    return draft


def _check_sign_in(draft: Draft, token_hosts: Sequence[str]) -> None:
    if draft.signs_in not in SIGN_INS:
        raise Invalid("box_malformed", "Choose how to sign in from the list.", field="signs_in")
    if draft.signs_in == "password":
        return
    if draft.tls == "none":
        raise Invalid("box_oauth_unencrypted", "OAuth needs an encrypted connection: choose TLS or STARTTLS.", field="tls")
    if not is_token_address(draft.token_url, token_hosts):
        hosts = ", ".join(token_hosts)
        raise Invalid("box_token_url", f"Give the token service's address: https, at one of {hosts}.", field="token_url")
    if not 1 <= len(draft.client_id) <= 300 or not draft.client_id.isprintable():
        raise Invalid("box_client_id", "Give the client id under which this program is known at the provider.", field="client_id")


def is_token_address(url: str, hosts: Sequence[str]) -> bool:
    """Whether a refresh token may be sent there: by https, or to this very machine, and only to a host of the list, its port included."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if len(url) > 500 or not url.isascii() or not url.isprintable() or " " in url or "@" in parts.netloc or parts.fragment:
        return False
    host = (parts.hostname or "").lower()
    named = host if port in (None, 443) and parts.scheme == "https" else f"{host}:{port}"
    return named in hosts and (parts.scheme == "https" or (parts.scheme == "http" and host in ("127.0.0.1", "localhost")))


def same_mailbox(old: Draft, new: Draft) -> bool:
    """Whether both mean the same mails: only then do the numbers that were noted still say which were taken."""
    return (old.protocol, old.host, old.username, old.folder) == (new.protocol, new.host, new.username, new.folder)


def needs_secret_again(old: Draft, new: Draft) -> bool:
    """Whether the kept password would go elsewhere, or less well guarded; then who changes that must know it."""
    weaker = (old.tls != "none" and new.tls == "none") or (old.verify_tls and not new.verify_tls)
    aims = [(one.host, one.port, one.username, one.signs_in, one.token_url, one.client_id) for one in (old, new)]
    return weaker or aims[0] != aims[1]


def wait_after(failures: int) -> timedelta:
    """How long to wait before the next visit; longer with each failure in a row, at most an hour."""
    doublings: int = 2 ** min(failures, 10)
    return min(EVERY * doublings, LONGEST_WAIT)


def low_mark(listed: Sequence[Listed], done: Mapping[str, bool], low: int) -> int:
    """Up to which name everything is done, so that an IMAP folder is never listed from its beginning again."""
    for mail in sorted(listed, key=lambda one: one.name):
        if not done.get(mail.key, False):
            break
        low = mail.name
    return low


def recipients_of(content: bytes) -> tuple[str, ...]:
    """Which of our own addresses a mail was delivered to, by what servers write at its head; others name nobody and are left out."""
    head = content[:_HEAD_BYTES]
    head = head[: min((at for at in (head.find(b"\r\n\r\n"), head.find(b"\n\n")) if at >= 0), default=len(head)) + 1]
    found = (one for line in _ADDRESSED.findall(head) for one in addresses(line.decode("utf-8", "replace")))
    return tuple(dict.fromkeys(one for one in found if of_address(one) is not None))[:20]
