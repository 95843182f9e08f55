"""The resolver against a real name server on loopback: values, absence, failures, chains."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from posthouse.platform.settings import WrongSetting
from posthouse.sending.domains.dns import DnsResolver
from posthouse.sending.domains.rules import Answer

ZONE = {
    ("one.example.", "TXT"): ['"short"'],
    ("long.example.", "TXT"): [f'"{"a" * 255}" "{"b" * 100}"'],
    ("many.example.", "TXT"): [f'"value {number:02}"' for number in range(10)],
    ("pointer.example.", "CNAME"): ["first.example."],
    ("loop.example.", "CNAME"): ["loop2.example."],
    ("loop2.example.", "CNAME"): ["loop.example."],
    **{(f"chain{number}.example.", "CNAME"): [f"chain{number + 1}.example."] for number in range(20)},
}
FAILING = {"servfail.example.": dns.rcode.SERVFAIL, "refused.example.": dns.rcode.REFUSED}


class Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, sock = self.request
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        if name == "silent.example.":
            return
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA | dns.flags.RA
        values = ZONE.get((name, kind))
        if values:
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *values))
        elif name in FAILING:
            response.set_rcode(FAILING[name])
        elif not any(known == name for known, _ in ZONE):
            response.set_rcode(dns.rcode.NXDOMAIN)
        sock.sendto(response.to_wire(max_size=4096), self.client_address)


@pytest.fixture(scope="module")
def resolver() -> Iterator[DnsResolver]:
    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        found = DnsResolver(f"127.0.0.1:{server.server_address[1]}")
        found._resolver.lifetime = 0.5
        yield found
        server.shutdown()
        thread.join()


def test_93_strings_are_joined_and_values_listed(resolver: DnsResolver) -> None:
    """A record's strings of 255 bytes become one text; several records are several values."""
    assert resolver.ask("one.example", "TXT") == Answer(("short",))
    assert resolver.ask("long.example", "TXT") == Answer(("a" * 255 + "b" * 100,))
    assert len(resolver.ask("many.example", "TXT").values) == 10


def test_absence_is_an_answer(resolver: DnsResolver) -> None:
    """No such name, and a name without such a record, are both known absence."""
    assert resolver.ask("nothing.example", "TXT") == Answer()
    assert resolver.ask("one.example", "CNAME") == Answer()
    assert resolver.ask("one.example", "MX") == Answer()


@pytest.mark.parametrize("name", ["servfail.example", "refused.example", "silent.example", "x" * 70 + ".example"])
def test_94_no_answer_is_not_absence(resolver: DnsResolver, name: str) -> None:
    """SERVFAIL, a refusal, silence and a name that can't be asked for say nothing about the record."""
    assert resolver.ask(name, "TXT") == Answer(failed=True)


def test_95_chains_end(resolver: DnsResolver) -> None:
    """A loop of CNAMEs and a chain of twenty are followed no further than eight."""
    assert resolver.ask("pointer.example", "CNAME") == Answer(("first.example",))
    assert len(resolver.ask("loop.example", "CNAME").values) == 2
    assert len(resolver.ask("chain0.example", "CNAME").values) == 8


@pytest.mark.parametrize("servers", ["127.0.0.1:x", "host:", "a:b"])
def test_a_wrong_setting_is_named(servers: str) -> None:
    """A server that is not HOST or HOST:PORT stops with the setting's name."""
    with pytest.raises(WrongSetting, match="POSTHOUSE_DNS_SERVERS"):
        DnsResolver(servers)
