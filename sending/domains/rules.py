"""Which names can be a sending domain, which records it needs, and what the answers of DNS mean. Pure.

Nothing in a record names the product or who runs it.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import idna
from publicsuffixlist import PublicSuffixList

from posthouse.platform.errors import Invalid
from posthouse.sending.dkim.keys import public_part

LOST_AFTER = timedelta(hours=72)  # of authoritative absence; a name server that fails proves nothing
CLAIM_PREFIX = "mail-sender-verification="
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SPECIAL_USE = frozenset({"localhost", "local", "invalid", "onion", "internal", "arpa", "home", "lan"})


@functools.cache
def _suffixes() -> PublicSuffixList:
    """Read the list at the first question: it takes a tenth of what a process needs to start."""
    return PublicSuffixList()


class State(StrEnum):
    """A sending domain's state."""

    PENDING = "pending"
    VERIFIED = "verified"
    REFUSED = "refused"


class Kind(StrEnum):
    """What a record is for. Ownership and DKIM must be found before anything is sent."""

    OWNERSHIP = "ownership"
    DKIM = "dkim"
    RETURN_PATH = "return_path"
    DMARC = "dmarc"
    TRACKING = "tracking"


REQUIRED = (Kind.OWNERSHIP, Kind.DKIM)


class Finding(StrEnum):
    """What a look at DNS said of a record. UNKNOWN: no name server gave an answer, so nothing is known."""

    FOUND = "found"
    ABSENT = "absent"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Record:
    """A record to publish: where, of which type, with which value, and what it is good for."""

    kind: Kind
    name: str
    type: str
    value: str
    required: bool
    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What DNS said: the values, or `failed` where no authoritative answer came. No values and not failed: it is not there."""

    values: tuple[str, ...] = ()
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """A finding with a sentence that says what to do where it is not FOUND."""

    finding: Finding
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evidence of all records means: the state from now on, and since when the required ones have been away."""

    state: State
    absent_since: datetime | None


def read_name(text: str, *, own_names: frozenset[str]) -> str:
    """Return a domain in the form in which it is kept: lower case, ASCII, no dot at its end.

    Raises: Invalid for what can't be a From domain: single labels, addresses, public suffixes, special names, the installation's own.
    """
    name = text.strip().rstrip(".").lower()
    try:
        name = name if name.isascii() else idna.encode(name, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise _refused(text, "its letters can't stand in a domain") from None
    labels = name.split(".")
    if _is_address(name) or len(labels) < 2 or len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refused(text, "it is not a domain such as example.com")
    if labels[-1] in _SPECIAL_USE:
        raise _refused(text, "mail can't come from a name that exists on one network only")
    if _suffixes().privatesuffix(name) is None:
        raise _refused(text, "it is a suffix under which others have their domains")
    if any(name == own or name.endswith("." + own) or own.endswith("." + name) for own in own_names):
        raise _refused(text, "it belongs to this service")
    return name


def _refused(text: str, why: str) -> Invalid:
    shown = text.strip()[:80]
    return Invalid(
        "domain_refused",
        f"“{shown}” can't be a sending domain: {why}. Enter the domain that stands behind the @ in your From address.",
        field="domain",
    )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def records(*, domain: str, claim_code: str, selector: str, dkim_record: str, mail_domain: str, tracking_target: str) -> tuple[Record, ...]:
    """List the records to publish for a domain. `tracking_target` is the host that answers links, empty where there is none."""
    needed = [
        Record(
            Kind.OWNERSHIP, f"_mailverify.{domain}", "TXT", CLAIM_PREFIX + claim_code, required=True, why="Shows that the domain is yours."
        ),
        Record(
            Kind.DKIM,
            f"{selector}._domainkey.{domain}",
            "TXT",
            dkim_record,
            required=True,
            why="Lets receivers check that your mail is from you.",
        ),
        Record(
            Kind.RETURN_PATH,
            return_path_host(domain),
            "CNAME",
            mail_domain,
            required=False,
            why="Brings bounces back under your own name, and aligns SPF.",
        ),
        Record(
            Kind.DMARC,
            f"_dmarc.{domain}",
            "TXT",
            f"v=DMARC1; p=none; rua=mailto:dmarc@{mail_domain}",
            required=False,
            why="Big receivers ask for it, and report to the address in it who sends in your name. Tighten the policy when all your mail passes.",
        ),
    ]
    if tracking_target:
        needed.append(
            Record(
                Kind.TRACKING,
                tracking_host(domain),
                "CNAME",
                tracking_target,
                required=False,
                why="Shows links and the unsubscribe page under your own name.",
            )
        )
    return tuple(needed)


def return_path_host(domain: str) -> str:
    """Return the host of the return path under a domain."""
    return f"bounce.{domain}"


def tracking_host(domain: str) -> str:
    """Return the host of links under a domain."""
    return f"click.{domain}"


def judge(record: Record, answer: Answer) -> Evidence:
    """Say what one answer means for its record."""
    if answer.failed:
        return Evidence(Finding.UNKNOWN, "No name server gave an answer. Nothing is changed; it will be tried again.")
    if not answer.values:
        return Evidence(
            Finding.ABSENT, f"There is no {record.type} record at {record.name}. Publish it as shown; it can take an hour to be seen."
        )
    check = {Kind.OWNERSHIP: _ownership, Kind.DKIM: _dkim, Kind.DMARC: _dmarc}.get(record.kind, _pointer)
    wrong = check(record, answer.values)
    return Evidence(Finding.WRONG, wrong) if wrong else Evidence(Finding.FOUND, "")


def _ownership(record: Record, values: tuple[str, ...]) -> str:
    return "" if record.value in values else f"The TXT record at {record.name} has another value than the one shown. Publish it exactly so."


def _dkim(record: Record, values: tuple[str, ...]) -> str:
    keys = [value for value in values if public_part(value) is not None]
    if len(keys) > 1:
        return f"There are {len(keys)} DKIM keys at {record.name}. Leave only the one shown: receivers may take either."
    if not keys:
        return f"The TXT record at {record.name} is not a DKIM key. Publish it as shown."
    if public_part(keys[0]) == "":
        return "This DKIM key is published as revoked (p= is empty). Publish the value shown."
    if public_part(keys[0]) != public_part(record.value):
        return "Another DKIM key is published there. Publish the value shown, in one piece and without changes."
    if re.search(r"(?:^|;)\s*t\s*=[^;]*\by\b", keys[0]):
        return "The DKIM key is marked as a test (t=y), so receivers ignore it. Take out t=y."
    return ""


def _dmarc(record: Record, values: tuple[str, ...]) -> str:
    policies = [value for value in values if value.replace(" ", "").lower().startswith("v=dmarc1")]
    if len(policies) != 1:
        return f"There must be exactly one DMARC record at {record.name}; there are {len(policies)}."
    return (
        ""
        if re.search(r";\s*p\s*=\s*(none|quarantine|reject)\b", policies[0], re.IGNORECASE)
        else "The DMARC record has no policy (p=none, quarantine or reject)."
    )


def _pointer(record: Record, values: tuple[str, ...]) -> str:
    targets = {value.rstrip(".").lower() for value in values}
    return (
        ""
        if record.value.lower() in targets
        else f"{record.name} points to {', '.join(sorted(targets))[:80]}; it should point to {record.value}."
    )


def decide(*, state: State, absent_since: datetime | None, evidence: dict[Kind, Evidence], now: datetime) -> Verdict:
    """Say what the evidence means for the domain.

    Verified as soon as both required records are found. Un-verified only after 72 hours in which they were seen to be
    absent or wrong; a failing name server neither verifies nor counts as absence.
    """
    findings = [evidence[kind].finding for kind in REQUIRED]
    if all(finding is Finding.FOUND for finding in findings):
        return Verdict(State.VERIFIED, None)
    if state is not State.VERIFIED:
        return Verdict(state, None)
    if all(finding in {Finding.FOUND, Finding.UNKNOWN} for finding in findings):
        return Verdict(state, absent_since)
    since = absent_since or now
    return Verdict(State.PENDING if now - since >= LOST_AFTER else state, since)
