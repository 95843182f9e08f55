"""Says by its exit status whether a container's service answers: `healthcheck.py web`, `inbound` or `submission`."""

from __future__ import annotations

import http.client
import os
import socket
import sys

SECONDS = 4.0


def web(port: int) -> bool:
    """Ask the web service whether it is ready, which includes database and Redis."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    finally:
        connection.close()


def inbound(port: int) -> bool:
    """Wait for the greeting of the inbound SMTP service (RFC 5321 section 4.2)."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        greeted = connection.recv(512).startswith(b"220")
        connection.sendall(b"QUIT\r\n")
        return greeted


def main() -> int:
    """Check the service that is named; its port is the one that its settings name."""
    checks = {"web": (web, "8025"), "inbound": (inbound, "2525"), "submission": (inbound, "2587")}
    check, plain = checks[sys.argv[1]]
    try:
        return 0 if check(int(os.environ.get(f"POSTHOUSE_{sys.argv[1].upper()}_PORT", plain))) else 1
    except (OSError, http.client.HTTPException) as problem:
        sys.stderr.write(f"{sys.argv[1]}: {problem}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
