"""A person's browser without its window: keeps cookies, sends the form token of the page, over real HTTP."""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from serving import Answer, Served
from world import PASSWORD

TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
BOUNDARY = "----8fJ2kQ"


def multipart(fields: Mapping[str, str], name: str, file_name: str, content: bytes) -> bytes:
    """Write a form with one file as browsers do (RFC 7578)."""
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{text}\r\n'.encode() for key, text in fields.items()]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\nContent-Type: text/csv\r\n\r\n'
    return b"".join(parts) + head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


@dataclass
class Person:
    """Somebody before the served pages."""

    served: Served
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Make one request; nothing is followed. Header names are written with `_` for `-`."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            given["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.served.settings.web_port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=given)
            got = connection.getresponse()
            for line in got.headers.get_all("Set-Cookie") or []:
                name, _, value = line.split(";")[0].partition("=")
                self.cookies[name] = value
            return Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def follow(self, answer: Answer) -> Answer:
        """Go where an answer leads."""
        while "location" in answer.headers:
            answer = self.get(urlsplit(answer.headers["location"]).path)
        return answer

    def token(self, page: str) -> str:
        return TOKEN.findall(self.get(page).text)[0]

    def post(self, path: str, *, page: str | None = None, headers: Mapping[str, str] | None = None, **fields: str) -> Answer:
        """Send a form of a page (the same address, unless told)."""
        body = urlencode({"csrf_token": self.token(page or path), **fields}).encode()
        return self.ask("POST", path, body, Content_Type="application/x-www-form-urlencoded", Origin=self.served.url, **(headers or {}))

    def upload(self, path: str, content: bytes, *, file_name: str = "people.csv", **fields: str) -> Answer:
        body = multipart({"csrf_token": self.token(path), **fields}, "file", file_name, content)
        return self.ask("POST", path, body, Content_Type=f"multipart/form-data; boundary={BOUNDARY}", Origin=self.served.url)

    def sign_in(self, email: str, password: str = PASSWORD, **fields: str) -> Answer:
        return self.post("/sign-in", email=email, password=password, **fields)
