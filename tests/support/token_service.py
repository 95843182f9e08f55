"""An OAuth 2.0 token service on a real socket (RFC 6749 6), that misbehaves on demand."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl


class TokenService:
    """Gives `access` for `refresh`, and `renewed` besides where it is set. `answer` replaces what it says: a status and a body."""

    def __init__(self) -> None:
        self.refresh, self.access, self.renewed = "refresh-1", "access-1", ""
        self.answer: tuple[int, bytes] | None = None
        self.asked: list[dict[str, str]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                facts = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                service.asked.append(facts)
                status, body = service.answer or service._told(facts)
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}/token"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def _told(self, facts: dict[str, str]) -> tuple[int, bytes]:
        wanted = {"grant_type": "refresh_token", "refresh_token": self.refresh, "client_id": "client", "client_secret": "shh"}
        if facts != wanted:
            return 400, b'{"error": "invalid_grant", "error_description": "Token has been revoked."}'
        told = {"access_token": self.access, "token_type": "Bearer", "expires_in": 3599}
        return 200, json.dumps(told | ({"refresh_token": self.renewed} if self.renewed else {})).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
