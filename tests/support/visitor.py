"""A person's browser in little: keeps cookies, follows redirects, fills in forms with the token that the page holds."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.cookiejar import CookieJar
from urllib.parse import urlencode, urljoin, urlsplit

from world import PASSWORD


@dataclass(frozen=True)
class Seen:
    """A page, and the address at which it was found in the end."""

    status: int
    url: str
    text: str


class Visitor:
    """One person at one address."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> Seen:
        return self._open(urllib.request.Request(urljoin(self.base, path)))

    def post(self, path: str, *, page: str | None = None, **data: str) -> Seen:
        """Send a form. `page` is where it stands, if not at its own address."""
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get(page or path).text)
        token = {"csrf_token": found[1]} if found else {}
        return self.submit(path, **token, **data)

    def submit(self, path: str, **data: str) -> Seen:
        url = urljoin(self.base, path)
        parts = urlsplit(url)
        return self._open(
            urllib.request.Request(url, data=urlencode(data).encode(), headers={"Origin": f"{parts.scheme}://{parts.netloc}"})
        )

    def sign_in(self, email: str) -> Seen:
        return self.post("/sign-in", email=email, password=PASSWORD)

    def _open(self, request: urllib.request.Request) -> Seen:
        try:
            with self._opener.open(request, timeout=30) as answer:
                return Seen(answer.status, answer.url, answer.read().decode())
        except urllib.error.HTTPError as refused:
            with refused:
                return Seen(refused.code, refused.url, refused.read().decode())
