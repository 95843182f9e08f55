"""A small name server for the records that senders were told to publish."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

#: Short, so that a changed record is seen at once.
TTL_SECONDS = 1
TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "PTR", "TXT")
MAX_CHAIN = 8
#: What a client without EDNS can take over UDP (RFC 1035 section 4.2.1).
PLAIN_UDP_BYTES = 512
MAX_STRING_BYTES = 255


class RecordError(ValueError):
    """A record that cannot be served; the sentence says which and why."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as its owner was told to publish it; a TXT value is plain text of any length."""

    name: str
    type: str
    value: str


class Zone:
    """All records, by name and type; kept in a file so that a restart serves the same."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._records: dict[tuple[dns.name.Name, str], list[Record]] = {}
        if path and path.exists():
            for entry in json.loads(path.read_text("utf-8")):
                self._put(Record(**entry))

    def records(self) -> list[Record]:
        """Return every record."""
        return [record for records in self._records.values() for record in records]

    def publish(self, records: list[Record]) -> None:
        """Add records; those with the same name and type are replaced as a set. All or none.

        Raises:
            RecordError: a name, type or value cannot be served.
        """
        for record in records:
            _rdata(record)
        for key in {_key(record) for record in records}:
            self._records.pop(key, None)
        for record in records:
            self._put(record)
        self._save()

    def withdraw(self, name: str) -> None:
        """Remove every record of a name."""
        owner = _name(name)
        self._records = {key: records for key, records in self._records.items() if key[0] != owner}
        self._save()

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """Answer one question; NXDOMAIN when nothing has the name, an empty answer when only the type is missing."""
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA | dns.flags.RA
        if not query.question:
            response.set_rcode(dns.rcode.FORMERR)
            return response
        question = query.question[0]
        wanted = dns.rdatatype.to_text(question.rdtype)
        owner = question.name
        for _hop in range(MAX_CHAIN):
            alias = self._records.get((_fold(owner), "CNAME"), [])
            if not alias or wanted == "CNAME":
                break
            response.answer.append(_rrset(owner, "CNAME", alias))
            owner = dns.name.from_text(alias[0].value)
        found = self._records.get((_fold(owner), wanted), [])
        if found:
            response.answer.append(_rrset(owner, wanted, found))
        elif not any(_fold(name).is_subdomain(_fold(owner)) for name, _type in self._records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    def _put(self, record: Record) -> None:
        self._records.setdefault(_key(record), []).append(record)

    def _save(self) -> None:
        if self._path:
            text = json.dumps([{"name": r.name, "type": r.type, "value": r.value} for r in self.records()], indent=1)
            self._path.write_text(text, "utf-8")


def records_from(payload: Any) -> list[Record]:
    """Read records from decoded JSON: a list of objects with name, type and value.

    Raises:
        RecordError: it is something else.
    """
    try:
        return [Record(str(entry["name"]), str(entry["type"]).upper(), str(entry["value"])) for entry in payload]
    except (TypeError, KeyError) as fault:
        message = "records are a list of objects with name, type and value"
        raise RecordError(message) from fault


def _fold(name: dns.name.Name) -> dns.name.Name:
    return name.canonicalize()


def _name(text: str) -> dns.name.Name:
    try:
        return _fold(dns.name.from_text(text))
    except (dns.exception.DNSException, UnicodeError) as fault:
        message = f"{text!r} is not a domain name"
        raise RecordError(message) from fault


def _key(record: Record) -> tuple[dns.name.Name, str]:
    return _name(record.name), record.type


def _rdata(record: Record) -> dns.rdata.Rdata:
    _name(record.name)
    if record.type not in TYPES:
        message = f"{record.name}: type {record.type} is not served; known are {', '.join(TYPES)}"
        raise RecordError(message)
    text = _quoted(record.value) if record.type == "TXT" else record.value
    try:
        return dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(record.type), text, origin=dns.name.root, relativize=False)
    except dns.exception.DNSException as fault:
        message = f"{record.name} {record.type} {record.value!r}: {fault}"
        raise RecordError(message) from fault


def _quoted(value: str) -> str:
    """Cut a text into strings of at most 255 bytes (RFC 1035 section 3.3), quoted and escaped."""
    raw = value.encode()
    pieces = [raw[start : start + MAX_STRING_BYTES] for start in range(0, len(raw), MAX_STRING_BYTES)] or [b""]
    return " ".join('"' + "".join(_escaped(byte) for byte in piece) + '"' for piece in pieces)


def _escaped(byte: int) -> str:
    if byte in b'"\\':
        return "\\" + chr(byte)
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03d}"


def _rrset(owner: dns.name.Name, kind: str, records: list[Record]) -> dns.rrset.RRset:
    return dns.rrset.from_rdata_list(owner, TTL_SECONDS, [_rdata(record) for record in records])


class UdpAnswerer(asyncio.DatagramProtocol):
    """Answers over UDP, truncated where the client cannot take the whole."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to answer."""
        # uvloop's transports are not asyncio's classes.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a question; anything else is dropped in silence."""
        wire = answer_wire(self._zone, data, udp=True)
        if wire:
            self._transport.sendto(wire, addr)


async def serve_tcp(zone: Zone, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the questions of one TCP connection (RFC 7766)."""
    try:
        while True:
            length = int.from_bytes(await reader.readexactly(2), "big")
            wire = answer_wire(zone, await reader.readexactly(length), udp=False)
            if wire is None:
                break
            writer.write(len(wire).to_bytes(2, "big") + wire)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


def answer_wire(zone: Zone, data: bytes, *, udp: bool) -> bytes | None:
    """Return the answer's bytes, or None when the input is not a query."""
    try:
        query = dns.message.from_wire(data)
    except dns.exception.DNSException:
        return None
    if query.flags & dns.flags.QR:
        return None
    limit = max(query.payload, PLAIN_UDP_BYTES) if udp else 65_535
    try:
        return zone.answer(query).to_wire(max_size=limit)
    except dns.exception.TooBig:
        cut = dns.message.make_response(query)
        cut.flags |= dns.flags.TC
        return cut.to_wire()


def zone_from(table: Mapping[str, Mapping[str, list[str]]]) -> list[Record]:
    """Return records from a nested table: name, then type, then values; how tests write a zone."""
    return [Record(name, kind, value) for name, kinds in table.items() for kind, values in kinds.items() for value in values]
