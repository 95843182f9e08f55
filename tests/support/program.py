"""A program with an API key, over real HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flask import Flask
from serving import Answer, Served

from posthouse.platform.app import house
from posthouse.platform.db import transaction
from posthouse.tenants.keys import services as keys


def issue_key(app: Flask, place: Any, permissions: list[str] | None = None) -> tuple[int, str]:
    """Make a key of a tenant; without a choice it may do everything that a tenant's owner may. `app` is a web app."""
    with app.app_context():
        registry = house().permissions
        wanted = permissions or [name for name, one in registry.items() if one.reach == "tenant" and "owner" in one.roles]
        with transaction(place.scope):
            return keys.issue(place.scope, name="Program", permissions=wanted, registry=registry)


@dataclass(frozen=True)
class Program:
    """Calls the interface with its key."""

    served: Served
    key: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a body as JSON; header names with `_` for `-`."""
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        if body is None:
            return self.served.call(method, f"/api/v1{path}", headers=sent)
        return self.served.call(method, f"/api/v1{path}", body=json.dumps(body), headers={"Content-Type": "application/json"} | sent)

    def send(self, method: str, path: str, data: bytes, content_type: str | None = "application/json") -> Answer:
        """Send bytes as they are."""
        more = {} if content_type is None else {"Content-Type": content_type}
        return self.served.call(method, f"/api/v1{path}", body=data, headers=self.headers | more)
