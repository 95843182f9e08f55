"""All accounts of the double and one call's way through it: key, version, idempotency, route, answer."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from posthouse.billing.double import catalog, control, customers, sessions, subscriptions
from posthouse.billing.double.api import Call, Route, expand
from posthouse.billing.double.books import API_VERSION, Books, JsonObject
from posthouse.billing.double.courier import Courier
from posthouse.billing.double.form import parse
from posthouse.billing.double.params import Params
from posthouse.billing.double.problems import Problem, invalid

ROUTES: list[Route] = [*catalog.ROUTES, *customers.ROUTES, *subscriptions.ROUTES, *sessions.ROUTES]
_KEY = re.compile(r"(?:sk|rk)_(?P<mode>test|live)_(?P<name>[A-Za-z0-9_]{4,200})")
MAX_IDEMPOTENCY_KEY = 255


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, read whole. Header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, JSON body and further headers."""

    status: int
    body: JsonObject
    headers: tuple[tuple[str, str], ...] = ()


class House:
    """Every account by its key. Any well-formed test or live key opens one; the same name in both modes is one account with two books."""

    def __init__(self, *, page: str, courier: Courier) -> None:
        self.page = page
        self.courier = courier
        self.lock = threading.RLock()
        self._books: dict[tuple[str, str], Books] = {}
        self._replies: dict[tuple[str, bool, str], tuple[str, Answer]] = {}

    def books(self, key: str) -> Books:
        """Return the books that a key opens. Raises: Problem (401) for a key that isn't one."""
        match = _KEY.fullmatch(key)
        if match is None:
            raise Problem(401, "invalid_request_error", f"Invalid API Key provided: {key[:7]}***")
        with self.lock:
            place = (match["mode"], match["name"])
            if place not in self._books:
                account = "acct_" + hashlib.sha256(match["name"].encode()).hexdigest()[:16]
                self._books[place] = Books(account_id=account, livemode=match["mode"] == "live", announce=self.courier.take)
            return self._books[place]

    def holding(self, object_id: str) -> Books | None:
        """Return the books that hold an object, for pages, which have no key."""
        with self.lock:
            return next((books for books in self._books.values() if object_id in books.objects), None)

    def answer(self, request: Request) -> Answer:
        """Work off one API call."""
        try:
            books = self.books(_key_of(request))
            with self.lock:
                if request.path.startswith("/_double/"):
                    return Answer(200, control.answer(self.courier, books, request.method, request.path, _params(request), page=self.page))
                return self._once(books, request)
        except Problem as problem:
            return Answer(problem.status, problem.body())

    def _once(self, books: Books, request: Request) -> Answer:
        key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
        if len(key) > MAX_IDEMPOTENCY_KEY:
            raise invalid("Idempotency keys may be 255 characters long.")
        if not key:
            return _routed(books, request, page=self.page)
        place = (books.account_id, books.livemode, key)
        mark = hashlib.sha256(b"\0".join([request.path.encode(), request.query.encode(), request.body])).hexdigest()
        if place in self._replies:
            return _again(mark, *self._replies[place])
        try:
            answer = _routed(books, request, page=self.page)
        except Problem as problem:
            answer = Answer(problem.status, problem.body())
        # As at Stripe, a call that was refused for its parameters may be mended and sent again under its key.
        if answer.status not in {400, 401, 404}:
            self._replies[place] = (mark, answer)
        return answer


def _again(mark: str, stored_mark: str, stored: Answer) -> Answer:
    if mark != stored_mark:
        text = "Keys for idempotent requests can only be used with the same parameters they were first used with."
        raise Problem(400, "idempotency_error", text)
    return Answer(stored.status, stored.body, (*stored.headers, ("Idempotent-Replayed", "true")))


def _routed(books: Books, request: Request, *, page: str) -> Answer:
    version = request.headers.get("stripe-version", API_VERSION)
    if version != API_VERSION:
        raise invalid(f"Invalid Stripe API version: {version[:40]}. This double speaks {API_VERSION}.")
    call = Call(books=books, params=_params(request), page=page)
    for route in ROUTES:
        ids = route.matches(request.method, request.path)
        if ids is not None:
            return Answer(200, expand(call, route.run(call, **ids)))
    raise Problem(404, "invalid_request_error", f"Unrecognized request URL ({request.method}: {request.path[:200]}).")


def _params(request: Request) -> Params:
    text = request.query
    if request.method == "POST":
        try:
            text = "&".join(part for part in (request.query, request.body.decode()) if part)
        except UnicodeDecodeError as error:
            raise invalid("The body isn't UTF-8.") from error
    return Params(parse(parse_qsl(text, keep_blank_values=True, max_num_fields=2000)))


def _key_of(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise Problem(401, "invalid_request_error", "You did not provide an API key. Send it as `Authorization: Bearer YOUR_SECRET_KEY`.")
    return key.strip()


def as_json(answer: Answer) -> bytes:
    """Return an answer's body as it goes out."""
    body: Any = answer.body
    return json.dumps(body, indent=2, ensure_ascii=False).encode()
