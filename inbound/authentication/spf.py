"""Check SPF (RFC 7208): may this address send for this domain?"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

from posthouse.inbound.authentication.cards import Check, Result
from posthouse.sending.domains.rules import Answer

LOOKUPS = 10  # RFC 7208 4.6.4: terms that ask DNS, and addresses of one mx
VOID_LOOKUPS = 2
_RESULTS = {"+": Result.PASS, "-": Result.FAIL, "~": Result.SOFT_FAIL, "?": Result.NEUTRAL}
_TERM = re.compile(r"([+\-?~]?)([a-z0-9]+)(?:[:=]?)(.*)", re.IGNORECASE | re.DOTALL)
_MACRO = re.compile(r"%(?:\{([slodiphcrtv])(\d{0,3})(r?)([.\-+,/_=]*)\}|([%_-]))", re.IGNORECASE)
_DOMAIN = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,62})\.)+[a-z0-9-]{2,63}\.?\Z", re.IGNORECASE)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Ask = Callable[[str, str], Answer]


class _Stop(Exception):
    def __init__(self, result: Result, why: str) -> None:
        super().__init__(why)
        self.result, self.why = result, why


def check(ip: str, sender: str, helo: str, ask: Ask) -> Check:
    """Check the envelope's sender, or HELO where there is none, as for every bounce (RFC 7208 2.4). Never raises, for any input."""
    domain = sender.rpartition("@")[2] if sender else helo
    domain = domain.strip().rstrip(".").lower()
    try:
        address: Address = ipaddress.ip_address(ip)
    except ValueError:
        return Check("spf", Result.NOT_CHECKED, domain, "it came by no network address")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if not _DOMAIN.match(domain):
        return Check("spf", Result.NONE, domain, "no domain is named")
    walk = _Walk(address, sender if "@" in sender else f"postmaster@{domain}", helo, ask)
    try:
        result, why = walk.judge(domain)
    except _Stop as stop:
        result, why = stop.result, stop.why
    return Check("spf", result, domain, why)


@dataclass(slots=True)
class _Walk:
    ip: Address
    sender: str
    helo: str
    ask: Ask
    asked: int = 0
    voids: int = 0

    def judge(self, domain: str) -> tuple[Result, str]:
        """check_host() of RFC 7208 4."""
        answer = self.ask(domain, "TXT")
        if answer.failed:
            raise _Stop(Result.TEMPORARY, f"no answer about {domain}")
        records = [text for text in answer.values if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]
        if not records:
            return Result.NONE, f"{domain} has no record"
        if len(records) > 1:
            raise _Stop(Result.PERMANENT, f"{domain} has several records")
        return self._terms(domain, records[0].split()[1:])

    def _terms(self, domain: str, terms: list[str]) -> tuple[Result, str]:
        redirect = ""
        for term in terms:
            found = _TERM.fullmatch(term)
            if found is None:
                raise _Stop(Result.PERMANENT, f"{domain} has a broken term")
            sign, name, value = found.group(1) or "+", found.group(2).lower(), found.group(3)
            if name == "redirect":
                redirect = value
            elif "=" in term and name not in {"a", "mx", "ptr", "ip4", "ip6", "include", "exists", "all"}:
                continue  # RFC 7208 6: unknown modifiers are passed over
            elif self._matches(name, value, domain):
                return _RESULTS[sign], f"{term} of {domain}"
        if not redirect:
            return Result.NEUTRAL, f"no term of {domain} fits"
        self._spend()
        target = self._expand(redirect, domain)
        result, why = self.judge(target)
        if result is Result.NONE:
            raise _Stop(Result.PERMANENT, f"{target} has no record")
        return result, why

    def _matches(self, name: str, value: str, domain: str) -> bool:
        if name == "all":
            return True
        if name in {"ip4", "ip6"}:
            return self._in_network(value, 4 if name == "ip4" else 6)
        if name == "include":
            return self._includes(self._expand(value, domain))
        if name in {"a", "mx"}:
            target, _, length = value.partition("/")
            return self._hosts(name, self._expand(target, domain) if target else domain, length)
        if name == "exists":
            self._spend()
            return bool(self._known(self._expand(value, domain), "A"))
        if name == "ptr":  # RFC 7208 5.5: not to be used; nothing is proven by it here
            self._spend()
            return False
        raise _Stop(Result.PERMANENT, f"{domain} has the unknown term {name[:20]}")

    def _in_network(self, value: str, version: int) -> bool:
        try:
            network = ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise _Stop(Result.PERMANENT, f"{value[:40]} is no network") from None
        return network.version == version == self.ip.version and self.ip in network

    def _includes(self, domain: str) -> bool:
        self._spend()
        result, _ = self.judge(domain)
        if result is Result.NONE:
            raise _Stop(Result.PERMANENT, f"{domain}, which is included, has no record")
        return result is Result.PASS

    def _hosts(self, name: str, target: str, lengths: str) -> bool:
        self._spend()
        hosts = [target]
        if name == "mx":
            hosts = [value.split()[-1].rstrip(".") for value in self._known(target, "MX")]
            if len(hosts) > LOOKUPS:
                raise _Stop(Result.PERMANENT, f"{target} has more than {LOOKUPS} mail hosts")
        kind = "A" if self.ip.version == 4 else "AAAA"
        return any(self._near(value, lengths) for host in hosts if host for value in self._known(host, kind, counted=name == "a"))

    def _near(self, value: str, lengths: str) -> bool:
        four, _, six = lengths.partition("//") if not lengths.startswith("/") else ("", "", lengths.lstrip("/"))
        length = (four or "32") if self.ip.version == 4 else (six or "128")
        return self._in_network(f"{value}/{length}", self.ip.version)

    def _known(self, name: str, type_: str, *, counted: bool = True) -> tuple[str, ...]:
        answer = self.ask(name, type_)
        if answer.failed:
            raise _Stop(Result.TEMPORARY, f"no answer about {name[:100]}")
        if not answer.values and counted:
            self.voids += 1
            if self.voids > VOID_LOOKUPS:
                raise _Stop(Result.PERMANENT, f"more than {VOID_LOOKUPS} names of the record do not exist")
        return answer.values

    def _spend(self) -> None:
        self.asked += 1
        if self.asked > LOOKUPS:
            raise _Stop(Result.PERMANENT, f"the record asks for more than {LOOKUPS} look-ups")

    def _expand(self, text: str, domain: str) -> str:
        expanded = _MACRO.sub(lambda found: self._macro(found, domain), text) if "%" in text else text
        labels = expanded.rstrip(".")
        while len(labels) > 253 and "." in labels:
            labels = labels.partition(".")[2]  # RFC 7208 7.3: cut from the left
        if not _DOMAIN.match(labels):
            raise _Stop(Result.PERMANENT, f"{domain} names no domain in a term")
        return labels

    def _macro(self, found: re.Match[str], domain: str) -> str:
        if found.group(5):
            return {"%": "%", "_": " ", "-": "%20"}[found.group(5)]
        letter, digits, reverse, delimiters = found.group(1).lower(), found.group(2), found.group(3), found.group(4)
        local, _, of = self.sender.rpartition("@")
        dotted = str(self.ip) if self.ip.version == 4 else ".".join(self.ip.exploded.replace(":", ""))
        values = {"s": self.sender, "l": local, "o": of, "d": domain, "i": dotted, "h": self.helo, "p": "unknown"}
        values |= {"v": "in-addr" if self.ip.version == 4 else "ip6"}
        parts = re.split(f"[{re.escape(delimiters or '.')}]", values.get(letter, "unknown"))
        parts = parts[::-1] if reverse else parts
        return ".".join(parts[-int(digits) :] if digits and int(digits) else parts)
