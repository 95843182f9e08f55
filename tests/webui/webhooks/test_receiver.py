"""A call ends in time and size whatever the other side does, and never reaches an address that was not checked."""

import socket
import socketserver
import threading

import pytest

from posthouse.webui.webhooks import receiver as outside


class Raw:
    """A server that says what it is told and no more."""

    def __init__(self, act):
        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.recv(65536)
                act(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def _post(port, *, scheme="http", lenient=True, resolve=lambda host, port: ["127.0.0.1"]):
    return outside.post(f"{scheme}://hooks.example.com:{port}/x", {"webhook-id": "1"}, b"{}", lenient=lenient, resolve=resolve)


def _says(text):
    return lambda live: live.sendall(text)


@pytest.mark.parametrize(
    ("said", "status", "problem"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, ""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        (b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", 302, "redirected"),
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", 401, "refused"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", 500, "refused"),
        (b"220 mail.example.com ESMTP\r\n", None, "malformed"),
        (b"", None, "broken_off"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 100_000, None, "malformed"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 5_000, None, "malformed"),
    ],
)
def test_each_answer_is_understood(said, status, problem):
    with Raw(_says(said)) as raw:
        answer = _post(raw.port)
    assert (answer.status, answer.problem) == (status, problem)


def test_of_a_huge_answer_only_the_beginning_is_read():
    def flood(live):
        live.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            for _ in range(10_000):
                live.sendall(b"x" * 65_536)
        except OSError:
            return

    with Raw(flood) as raw:
        answer = _post(raw.port)
    assert answer.problem == ""
    assert len(answer.text) == outside.BODY_BYTES


def test_an_answer_that_drips_is_ended_as_a_whole(monkeypatch):
    monkeypatch.setattr(outside, "WHOLE_SECONDS", 0.5)
    over = threading.Event()

    def drip(live):
        try:
            while not over.wait(0.1):
                live.sendall(b"H")
        except OSError:
            return

    with Raw(drip) as raw:
        answer = _post(raw.port)
        over.set()
    assert answer.problem == "too_slow"
    assert 400 < answer.milliseconds < 3_000


def test_nobody_there_and_no_such_name():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        assert _post(probe.getsockname()[1]).problem == "not_reached"

    def lost(host, port):
        raise socket.gaierror(-2, "Name or service not known")

    assert _post(1, resolve=lost).problem == "name_not_found"
    assert _post(1, resolve=lambda host, port: []).problem == "name_not_found"


def test_what_speaks_no_tls_is_not_told():
    with Raw(_says(b"HTTP/1.1 200 OK\r\n\r\n")) as raw:
        assert _post(raw.port, scheme="https").problem == "tls"


@pytest.mark.parametrize(
    "answers", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::1"], ["2606:4700::1111", "::ffff:127.0.0.1"], ["8.8.8.8"] * 59 + ["10.0.0.1"]]
)
def test_one_private_answer_among_public_ones_is_enough_to_refuse(answers):
    reached = []
    with Raw(reached.append) as raw:
        answer = _post(raw.port, lenient=False, resolve=lambda host, port: answers)
    assert answer.problem == "private_address"
    assert reached == []


def test_a_name_that_changes_its_answer_is_asked_once(monkeypatch):
    """DNS rebinding: public at the check, private at the connection. The connection goes to what was checked."""
    asked, went = [], []

    def flips(host, port):
        asked.append(host)
        return ["8.8.8.8"] if len(asked) == 1 else ["127.0.0.1"]

    def note(address, timeout=None):
        went.append(address[0])
        raise OSError("stopped by the test before a packet leaves")

    monkeypatch.setattr(socket, "create_connection", note)
    for _ in range(100):
        asked.clear()
        assert _post(443, lenient=False, resolve=flips).problem == "not_reached"
    assert set(went) == {"8.8.8.8"}
    assert len(asked) == 1
