"""Try a route's connection step by step and say in words what is wrong; no mail is sent.

Each step is one thing that a person can mend: the name, the port, the encryption, the certificate, the sign-in, the
sender. The first that fails ends the trial.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiosmtplib

from posthouse.platform.trials import SILENT_PORT, Finding, Step
from posthouse.sending.delivery.findings import of_answer, of_handshake, of_socket
from posthouse.sending.delivery.smtp import Door, context

STEP_SECONDS = 8.0
WHOLE_SECONDS = 25.0


@dataclass(slots=True)
class _Trial:
    door: Door
    sender: str
    steps: list[Step] = field(default_factory=list)
    client: aiosmtplib.SMTP | None = None

    async def step(self, name: str, act: Callable[[], Awaitable[str]], explain: Callable[[Exception], Finding]) -> None:
        """Do one step within its time. Raises: _Over after writing down why."""
        try:
            words = await asyncio.wait_for(act(), STEP_SECONDS)
        except TimeoutError:
            words = f"No answer within {STEP_SECONDS:.0f} seconds."
            self.steps.append(Step(name, words, _SILENT.get(name, "Try again later, or ask who runs the server.")))
            raise _Over from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as failure:
            found = explain(failure)
            self.steps.append(Step(found.step or name, found.words, found.advice))
            raise _Over from failure
        self.steps.append(Step(name, words))


class _Over(Exception):
    pass


_SILENT = {
    "Port": f"{SILENT_PORT} Many hosts block port 25 outwards: try 587 or 2525.",
    "Greeting": "Something listens there but doesn't greet. With TLS from the start the port is usually 465, with STARTTLS 587.",
    "Name": "The name servers of this machine don't answer.",
}


async def try_door(door: Door, *, sender: str) -> tuple[Step, ...]:
    """Try the connection up to MAIL FROM with the address `sender`. Talks to the outside for at most 25 seconds; sends no mail."""
    trial = _Trial(door, sender)
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            await _steps(trial)
    except _Over:
        pass
    except TimeoutError:
        trial.steps.append(Step("Time", f"The trial took longer than {WHOLE_SECONDS:.0f} seconds.", "The server is very slow."))
    return tuple(trial.steps)


async def _steps(trial: _Trial) -> None:
    door = trial.door
    addresses: list[tuple[int, str]] = []
    await trial.step("Name", lambda: _resolve(door, addresses), lambda failure: of_socket(failure, door))
    async with _connected(trial, addresses) as sock:
        client = trial.client = _client(door, sock)
        first = "Encryption and greeting" if door.tls == "tls" else "Greeting"
        try:
            await trial.step(first, lambda: _greeting(client), lambda failure: _of_greeting(failure, door))
            await trial.step("Hello", lambda: _hello(client), lambda failure: of_answer(failure, "hello"))
            if door.tls == "starttls":
                await trial.step("STARTTLS", lambda: _encrypt(client), lambda failure: _of_encryption(failure, door))
                await trial.step("Hello again", lambda: _hello(client), lambda failure: of_answer(failure, "hello"))
            if door.username:
                await trial.step("Sign-in", lambda: _sign_in(client, door), lambda failure: of_answer(failure, "auth"))
            await trial.step("Sender", lambda: _sender(client, trial.sender), lambda failure: of_answer(failure, "sender"))
        finally:
            client.close()


async def _resolve(door: Door, addresses: list[tuple[int, str]]) -> str:
    found = await asyncio.get_running_loop().getaddrinfo(door.host, door.port, type=socket.SOCK_STREAM)
    wanted = [(family, str(place[0])) for family, _, _, _, place in found]
    if door.source_address:
        wanted = [one for one in wanted if (one[0] == socket.AF_INET6) == (":" in door.source_address)]
        if not wanted:
            raise ValueError("the server has no address of the same kind (IPv4 or IPv6) as the address to send from")
    addresses.extend(dict.fromkeys(wanted))
    return f"{door.host} is {', '.join(dict.fromkeys(address for _, address in addresses))}"


@asynccontextmanager
async def _connected(trial: _Trial, addresses: list[tuple[int, str]]) -> AsyncIterator[socket.socket]:
    door, made = trial.door, []

    async def connect() -> str:
        sock = await _connect(door, addresses)
        made.append(sock)
        own = str(sock.getsockname()[0])
        return f"connected to {sock.getpeername()[0]} port {door.port} from {own}"

    await trial.step("Port", connect, lambda failure: of_socket(failure, door))
    try:
        yield made[0]
    finally:
        made[0].close()


async def _connect(door: Door, addresses: list[tuple[int, str]]) -> socket.socket:
    failure: OSError = OSError("no address")
    for family, address in addresses:
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(0)
        try:
            if door.source_address:
                sock.bind((door.source_address, 0))
            await asyncio.get_running_loop().sock_connect(sock, (address, door.port))
        except OSError as refused:
            sock.close()
            failure = refused
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


def _client(door: Door, sock: socket.socket) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(
        hostname=door.host,
        port=None,
        sock=sock,
        use_tls=door.tls == "tls",
        start_tls=False,
        local_hostname=door.greet_as,
        timeout=WHOLE_SECONDS,
        tls_context=None if door.tls == "none" else context(verify=door.verify),
    )


async def _greeting(client: aiosmtplib.SMTP) -> str:
    return _words(await client.connect())


async def _hello(client: aiosmtplib.SMTP) -> str:
    try:
        answer = await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        return _words(await client.helo())
    offers = sorted(name.upper() for name in client.esmtp_extensions)
    return f"{answer.code}, offers {', '.join(offers) or 'no extensions'}"


async def _encrypt(client: aiosmtplib.SMTP) -> str:
    await client.starttls()
    transport = client.transport
    made = transport.get_extra_info("ssl_object") if transport is not None else None
    return f"encrypted with {made.version()}" if made is not None else "encrypted"


async def _sign_in(client: aiosmtplib.SMTP, door: Door) -> str:
    answer = await client.login(door.username, door.password)
    return _words(answer)


async def _sender(client: aiosmtplib.SMTP, sender: str) -> str:
    answer = await client.mail(sender)
    await client.rset()
    await client.quit()
    return f"{_words(answer)} (for {sender}; nothing was sent)"


def _of_greeting(failure: Exception, door: Door) -> Finding:
    return _of_encryption(failure, door) if door.tls == "tls" else of_answer(failure, "greeting")


def _of_encryption(failure: Exception, door: Door) -> Finding:
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return of_handshake(cause, door)
        cause = cause.__cause__ or cause.__context__
    return of_answer(failure, "starttls")


def _words(answer: aiosmtplib.SMTPResponse) -> str:
    return f"{answer.code} {answer.message}"[:300]
