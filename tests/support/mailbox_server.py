"""A mailbox server on a real socket that speaks enough IMAP and POP3, and misbehaves on demand."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field

TROUBLES = ("", "silent", "hang", "garbage", "drop", "flood", "lie", "endless-line", "drip")


@dataclass
class Letter:
    """A mail in the box."""

    uid: int
    content: bytes
    flags: set[str] = field(default_factory=set)


@dataclass
class Box:
    """What a server holds. `trouble` is how it misbehaves; `drop_after`: it hangs up at the so-manieth mail fetched."""

    user: str = "bounces"
    password: str = 'p"\\w ä'
    letters: list[Letter] = field(default_factory=list)
    moved: list[bytes] = field(default_factory=list)
    folders: set[str] = field(default_factory=lambda: {"INBOX", "Done"})
    validity: int = 7
    capabilities: str = "IMAP4rev1 UIDPLUS MOVE STARTTLS"
    trouble: str = ""
    drop_after: int = 0
    fetched: int = 0
    expunges_lost: bool = False
    token: str = ""  # the access token that XOAUTH2 takes
    log: list[str] = field(default_factory=list)

    def put(self, *contents: bytes) -> None:
        for content in contents:
            self.letters.append(Letter(max((one.uid for one in self.letters), default=0) + 1, content))


class MailboxServer:
    """One port; `protocol` is imap or pop3. With `certificate` it offers STARTTLS, with `wrapped` it speaks TLS at once."""

    def __init__(self, box: Box, protocol: str, *, certificate: tuple[str, str] | None = None, wrapped: bool = False) -> None:
        self.box, self.protocol, self.wrapped = box, protocol, wrapped
        self._context = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*certificate)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        self._over = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._over.set()
        for one in (self._listening, *self._open):
            one.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                taken, _ = self._listening.accept()
            except OSError:
                return
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(taken)
            threading.Thread(target=self._talk, args=(taken,), daemon=True).start()

    def _talk(self, taken: socket.socket) -> None:
        try:
            if self.wrapped and self._context:
                taken = self._context.wrap_socket(taken, server_side=True)
            session = (_Imap if self.protocol == "imap" else _Pop3)(self.box, taken, self._context, self._over)
            try:
                session.run()
            finally:
                session.end()
        except (OSError, ValueError):
            pass
        finally:
            taken.close()


class _Session:
    def __init__(self, box: Box, sock: socket.socket, context: ssl.SSLContext | None, over: threading.Event) -> None:
        self.box, self.sock, self.context, self.over = box, sock, context, over
        self.file = sock.makefile("rb")

    def say(self, line: str | bytes) -> None:
        self.sock.sendall((line if isinstance(line, bytes) else line.encode()) + b"\r\n")

    def misbehave(self) -> bool:
        """Do what the box's trouble says; True when the session is over."""
        if self.box.trouble == "hang":
            self.over.wait(20)
        elif self.box.trouble == "garbage":
            self.sock.sendall(bytes(range(256)) * 20 + b"\r\n* \r\n+\r\n)(\r\n")
            self.over.wait(0.2)
        elif self.box.trouble == "flood":
            for _ in range(3_000):
                self.sock.sendall(b"* OK still here, and here, and here\r\n" * 200)
        elif self.box.trouble == "endless-line":
            for _ in range(400):
                self.sock.sendall(b"x" * 10_000)
        elif self.box.trouble == "drip":
            for _ in range(100):
                self.sock.sendall(b"x")
                time.sleep(0.05)
        elif self.box.trouble != "drop":
            return False
        return True

    def is_token(self, coded: str) -> bool:
        wanted = f"user={self.box.user}\x01auth=Bearer {self.box.token}\x01\x01"
        return bool(self.box.token) and base64.b64decode(coded).decode() == wanted

    def end(self) -> None:
        self.file.close()
        self.sock.close()

    def encrypt(self) -> None:
        assert self.context
        self.file.close()
        self.sock = self.context.wrap_socket(self.sock, server_side=True)
        self.file = self.sock.makefile("rb")

    def lines(self):
        while line := self.file.readline():
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            self.box.log.append(text)
            yield text


class _Imap(_Session):
    def run(self) -> None:
        if self.box.trouble == "silent":
            self.over.wait(20)
            return
        self.say("* OK ready")
        for line in self.lines():
            tag, name, *rest = line.split(" ", 2)
            words = rest[0] if rest else ""
            if name.upper() not in ("CAPABILITY", "LOGIN", "AUTHENTICATE", "STARTTLS", "LOGOUT") and self.misbehave():
                return
            if not self._do(tag, name.upper(), words):
                return

    def _do(self, tag: str, name: str, words: str) -> bool:
        if name == "CAPABILITY":
            self.say(f"* CAPABILITY {self.box.capabilities}")
        elif name == "STARTTLS" and not self.context:
            self.say(f"{tag} NO not today")
            return True
        elif name == "STARTTLS":
            self.say(f"{tag} OK begin")
            self.encrypt()
            return True
        elif name == "LOGIN":
            quoted = [one.replace('"', '\\"') for one in (self.box.user, self.box.password.replace("\\", "\\\\"))]
            if words != f'"{quoted[0]}" "{quoted[1]}"':
                self.say(f"{tag} NO [AUTHENTICATIONFAILED] wrong password")
                return True
        elif name == "AUTHENTICATE":
            assert words == "XOAUTH2"
            self.say("+ ")
            if not self.is_token(self.file.readline().decode().strip()):
                self.say("+ " + base64.b64encode(b'{"status":"400"}').decode())
                assert self.file.readline() == b"\r\n"
                self.say(f"{tag} NO [AUTHENTICATIONFAILED] no such token")
                return True
        elif name == "SELECT":
            if words.strip('"') not in self.box.folders:
                self.say(f"{tag} NO no such folder")
                return True
            self.say(f"* {len(self.box.letters)} EXISTS")
            self.say(f"* OK [UIDVALIDITY {self.box.validity}] valid")
        elif name == "LIST":
            wanted = words.rsplit(" ", maxsplit=1)[-1].strip('"')
            if wanted in self.box.folders:
                self.say(f'* LIST () "/" "{wanted}"')
        elif name == "UID":
            return self._uid(tag, *words.split(" ", 1))
        elif name == "EXPUNGE":
            self._expunge({one.uid for one in self.box.letters})
        elif name == "LOGOUT":
            self.say("* BYE")
        self.say(f"{tag} OK done")
        return name != "LOGOUT"

    def _uid(self, tag: str, name: str, words: str = "") -> bool:
        if name == "SEARCH":
            low = int(words.split()[1].split(":", maxsplit=1)[0])
            last = max((one.uid for one in self.box.letters), default=None)
            found = [one.uid for one in self.box.letters if one.uid >= low] or ([last] if last else [])
            self.say("* SEARCH " + " ".join(map(str, found)))
            self.say(f"{tag} OK done")
            return True
        numbers = {int(one) for one in words.split(" ", 1)[0].split(",") if one.isdigit()}
        chosen = [one for one in self.box.letters if one.uid in numbers]
        if name == "FETCH" and "SIZE" in words:
            for one in chosen:
                size = 10 if self.box.trouble == "lie" else len(one.content)
                self.say(f"* 1 FETCH (UID {one.uid} RFC822.SIZE {size})")
        elif name == "FETCH":
            return self._fetch(tag, chosen, words)
        elif name == "STORE":
            for one in chosen:
                one.flags.add("\\Deleted" if "Deleted" in words else "\\Seen")
        elif name == "MOVE" or name == "COPY":
            if words.split(" ", 1)[1].strip('"') not in self.box.folders:
                self.say(f"{tag} NO [TRYCREATE] no such folder")
                return True
            self.box.moved += [one.content for one in chosen]
            if name == "MOVE":
                self.box.letters = [one for one in self.box.letters if one.uid not in numbers]
        elif name == "EXPUNGE":
            self._expunge(numbers)
        self.say(f"{tag} OK done")
        return True

    def _expunge(self, numbers: set[int]) -> None:
        if not self.box.expunges_lost:
            self.box.letters = [one for one in self.box.letters if not (one.uid in numbers and "\\Deleted" in one.flags)]

    def _fetch(self, tag: str, chosen: list[Letter], words: str) -> bool:
        for one in chosen:
            self.box.fetched += 1
            if self.box.drop_after and self.box.fetched >= self.box.drop_after:
                self.sock.sendall(b"* 1 FETCH (UID %d BODY[] {%d}\r\n" % (one.uid, len(one.content)) + one.content[:5])
                return False
            content = one.content
            if "<0." in words:
                content = content[: int(words.split("<0.")[1].split(">", maxsplit=1)[0])]
            size = 4_000_000_000 if self.box.trouble == "lie" else len(content)
            self.sock.sendall(b"* 1 FETCH (UID %d BODY[] {%d}\r\n" % (one.uid, size) + content + b")\r\n")
        self.say(f"{tag} OK done")
        return True


class _Pop3(_Session):
    def run(self) -> None:
        if self.box.trouble == "silent":
            self.over.wait(20)
            return
        self.say("+OK ready")
        listed, gone, user = list(self.box.letters), set(), ""
        for line in self.lines():
            name, _, words = line.partition(" ")
            if name not in ("USER", "PASS", "AUTH", "STLS", "QUIT") and self.misbehave():
                return
            if name == "STLS" and self.context:
                self.say("+OK begin")
                self.encrypt()
                continue
            if name == "AUTH":
                assert words == "XOAUTH2"
                self.say("+ ")
                if not self.is_token(self.file.readline().decode().strip()):
                    self.say("+ " + base64.b64encode(b'{"status":"400"}').decode())
                    assert self.file.readline() == b"\r\n"
                    self.say("-ERR [AUTH] no such token")
                    continue
            elif name == "USER":
                user = words
            elif name == "PASS" and (user, words) != (self.box.user, self.box.password):
                self.say("-ERR [AUTH] wrong password")
                continue
            elif name == "STAT":
                self.say(f"+OK {len(listed)} 1")
                continue
            elif name in ("LIST", "UIDL"):
                self.say("+OK")
                for number, one in enumerate(listed, 1):
                    self.say(f"{number} {len(one.content) if name == 'LIST' else f'uidl-{one.uid}'}")
                self.say(".")
                continue
            elif name in ("RETR", "TOP"):
                self.box.fetched += 1
                content = listed[int(words.split()[0]) - 1].content
                if self.box.drop_after and self.box.fetched >= self.box.drop_after:
                    self.sock.sendall(b"+OK\r\nFrom: x")
                    return
                if name == "TOP":
                    content = b"\n".join(content.split(b"\n")[: int(words.split()[1])]) + b"\n"
                body = content.replace(b"\r\n", b"\n").replace(b"\n.", b"\n..").replace(b"\n", b"\r\n")
                self.sock.sendall(b"+OK\r\n" + body + (b"" if body.endswith(b"\r\n") else b"\r\n") + b".\r\n")
                continue
            elif name == "DELE":
                gone.add(listed[int(words) - 1].uid)
            elif name == "QUIT":
                if self.box.expunges_lost:
                    return
                self.box.letters = [one for one in self.box.letters if one.uid not in gone]
                self.say("+OK bye")
                return
            elif name not in ("PASS", "AUTH"):
                self.say("-ERR what?")
                continue
            self.say("+OK")
