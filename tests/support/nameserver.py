"""A name server on loopback that says one thing: everything has this MX, or a refusal."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset


@contextmanager
def name_server(*, rcode: int = dns.rcode.NOERROR, mx: str = "10 in.mail.example.") -> Iterator[str]:
    """Give the server's address as HOST:PORT; `mx` empty: it knows of no record."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                data, peer = door.recvfrom(4096)
                if not data:
                    return
                query = dns.message.from_wire(data)
                reply = dns.message.make_response(query)
                reply.flags |= dns.flags.RA
                reply.set_rcode(rcode)
                if mx and rcode == dns.rcode.NOERROR:
                    reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "MX", mx))
                door.sendto(reply.to_wire(), peer)

        serving = threading.Thread(target=serve)
        serving.start()
        try:
            yield f"127.0.0.1:{door.getsockname()[1]}"
        finally:
            door.sendto(b"", door.getsockname())
            serving.join()
