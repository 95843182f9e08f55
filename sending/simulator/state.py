"""A small JSON answerer on loopback: what the simulator has seen and done, and the records that it serves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from posthouse.sending.simulator.dns import RecordError, Zone, records_from

MAX_HEAD_BYTES = 16_384
MAX_BODY_BYTES = 1_048_576
READ_SECONDS = 10.0
_REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 413: "Content Too Large"}


class StateServer:
    """``GET /state``, ``GET /dns``, ``PUT /dns`` (a list of records; names are replaced as a set)."""

    def __init__(self, state: Callable[[], dict[str, Any]], zone: Zone) -> None:
        self._state, self._zone = state, zone

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                status, payload = await self._answer(reader)
                body = json.dumps(payload, ensure_ascii=False).encode()
                head = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = head.split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines[1:])}
        if not _is_loopback(headers.get("host", "")):
            # A page in a browser can be led here by a name of its own choosing; only loopback names are served.
            return 403, {"error": "this endpoint answers on loopback only"}
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            return 413, {"error": f"a body has at most {MAX_BODY_BYTES} bytes"}
        body = await reader.readexactly(int(length))
        method, _space, rest = lines[0].partition(" ")
        return self._route(method, rest.split(" ")[0].partition("?")[0], body, headers.get("content-type", ""))

    def _route(self, method: str, path: str, body: bytes, content_type: str) -> tuple[int, dict[str, Any]]:
        match method, path:
            case "GET", "/state":
                return 200, self._state()
            case "GET", "/dns":
                return 200, {"records": self._records()}
            case "PUT", "/dns":
                return self._publish(body, content_type)
            case _, "/state" | "/dns":
                return 405, {"error": f"{method} is not known here"}
            case _:
                return 404, {"error": "known are /state and /dns"}

    def _publish(self, body: bytes, content_type: str) -> tuple[int, dict[str, Any]]:
        if not content_type.startswith("application/json"):
            return 400, {"error": "send application/json"}
        try:
            self._zone.publish(records_from(json.loads(body)))
        except (ValueError, RecordError) as fault:
            return 400, {"error": str(fault)}
        return 200, {"records": self._records()}

    def _records(self) -> list[dict[str, str]]:
        return [{"name": record.name, "type": record.type, "value": record.value} for record in self._zone.records()]


def _is_loopback(host: str) -> bool:
    return host.rpartition(":")[0] in {"127.0.0.1", "localhost", "[::1]"} or host in {"127.0.0.1", "localhost"}
