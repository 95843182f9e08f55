"""Read e-mail addresses: one written-down list of what is accepted, one normal form for comparison.

Accepted: `local@domain` after blanks around it are dropped.

- local: 1-64 octets of RFC 5321 dot-atom without `%` and `!`; letters of other scripts (SMTPUTF8, RFC 6531), which are marked;
- domain: two or more labels of letters, digits and hyphens, or an international name (IDNA 2008), kept in its ASCII form; at
  most 253 octets; the last label isn't a number;
- reserved names (`.test`, `.example`, `.invalid`, `.local`, `.localhost`, RFC 2606 and 6761) only where the installation allows them.

Refused, each with its own code: nothing, control and invisible characters, several addresses, display names and angle brackets,
quoted locals, address literals, routes (`a%b@c`, `a!b@c`), more than one `@`, domains of one label, a dot at either end.

Letters differ in nothing but case: same contact. Dots inside a local part differ: another contact, for only few providers ignore them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

MAX_LOCAL_OCTETS = 64  # RFC 5321 section 4.5.3.1.1
MAX_DOMAIN_OCTETS = 253  # RFC 1035 section 2.3.4, without the root's dot
MAX_ADDRESS_OCTETS = 254  # RFC 5321 section 4.5.3.1.3: a path is 256 with its brackets

RESERVED_TOP_LABELS = frozenset({"test", "example", "invalid", "local", "localhost", "onion", "arpa"})
_BLANKS = " \t\r\n\v\f\u00a0\u200b\u2060\ufeff"
_ATOM = r"[A-Za-z0-9#$&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ORDINARY = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@((?:{_LABEL}\.)+([A-Za-z]{{2,63}}))")
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Address:
    """An accepted address. `email` is what is sent to (domain in ASCII), `norm` what is compared, `smtputf8` marks a local that needs RFC 6531."""

    email: str
    norm: str
    domain: str
    smtputf8: bool


@dataclass(frozen=True, slots=True)
class AddressRefused:
    """Why a text isn't an address that mail can be sent to: a stable code, and a sentence for a person."""

    code: str
    sentence: str


def parse(text: str, *, allow_reserved: bool = False) -> Address | AddressRefused:
    """Read one address; never raises, never asks DNS."""
    text = text.strip(_BLANKS)
    match = _ORDINARY.fullmatch(text)
    if match is None or "xn--" in text or len(text) > MAX_ADDRESS_OCTETS:
        return _parse_unusual(text, allow_reserved=allow_reserved)
    local, domain, top = match.groups()
    if len(local) > MAX_LOCAL_OCTETS or domain[2:4] == "--":
        return _parse_unusual(text, allow_reserved=allow_reserved)
    domain = domain.lower()
    if top.lower() in RESERVED_TOP_LABELS and not allow_reserved:
        return _RESERVED
    return Address(f"{local}@{domain}", f"{local.lower()}@{domain}", domain, False)  # noqa: FBT003 (one of four columns)


def _parse_unusual(text: str, *, allow_reserved: bool) -> Address | AddressRefused:
    refusal = _refuse_shape(text)
    if refusal is not None:
        return refusal
    local, _, domain = text.partition("@")
    labels = unicodedata.normalize("NFKC", domain).lower().replace("\u3002", ".").split(".")
    reserved = labels[-1] in RESERVED_TOP_LABELS
    if reserved and not allow_reserved:
        return _RESERVED
    # The library refuses reserved names by a list of its own; a stand-in label lets it judge the rest.
    asked = ".".join([*labels[:-1], "example"]) if reserved else ".".join(labels)
    try:
        known = validate_email(f"{local}@{asked}", check_deliverability=False, globally_deliverable=False)
    except (EmailNotValidError, UnicodeError, ValueError) as error:
        return AddressRefused("address_malformed", f"This is not a usable address: {_sentence(error)}")
    if known.ascii_domain is None:
        return AddressRefused("address_malformed", "This is not a usable address: the part after the @ can't be written in ASCII.")
    domain = known.ascii_domain.lower()
    if reserved:
        domain = domain.removesuffix("example") + labels[-1]
    return _finish(known.local_part, domain)


def _finish(local: str, domain: str) -> Address | AddressRefused:
    local = unicodedata.normalize("NFC", local)
    if len(local.encode()) > MAX_LOCAL_OCTETS:
        return _LOCAL_TOO_LONG
    if len(domain) > MAX_DOMAIN_OCTETS or len(local.encode()) + 1 + len(domain) > MAX_ADDRESS_OCTETS:
        return _TOO_LONG
    if "." not in domain or domain.rpartition(".")[2].isdigit():
        return _INCOMPLETE
    norm = unicodedata.normalize("NFC", local.lower())
    return Address(f"{local}@{domain}", f"{norm}@{domain}", domain, not local.isascii())


def _refuse_shape(text: str) -> AddressRefused | None:
    """Name the common wrong shapes before the library sees them, so that each has its own code."""
    if not text:
        return _EMPTY
    if len(text) > 2 * MAX_ADDRESS_OCTETS:
        return _TOO_LONG
    if any(unicodedata.category(letter) in _FORBIDDEN_CATEGORIES for letter in text):
        return _CONTROL
    if "\ufffd" in text:
        return _UNREADABLE
    for found, refusal in _SHAPES:
        if found(text):
            return refusal
    return None


def _sentence(error: Exception) -> str:
    words = " ".join(str(error).split())[:200]
    return words if words.endswith(".") else f"{words}."


_EMPTY = AddressRefused("address_empty", "There is no address. Give one like name@company.com.")
_CONTROL = AddressRefused(
    "address_control_character", "The address contains a line break, a control or an invisible character. Type it again."
)
_UNREADABLE = AddressRefused(
    "address_unreadable", "A letter of the address could not be read. Choose the file's right encoding, or type it again."
)
_TOO_LONG = AddressRefused("address_too_long", f"The address is longer than {MAX_ADDRESS_OCTETS} octets, which no mail server takes.")
_LOCAL_TOO_LONG = AddressRefused(
    "address_local_too_long", f"The part before the @ is longer than {MAX_LOCAL_OCTETS} octets, which no mail server takes."
)
_INCOMPLETE = AddressRefused("address_domain_incomplete", "The part after the @ is not a complete domain. Give one like company.com.")
_RESERVED = AddressRefused(
    "address_domain_reserved", "The domain is reserved for tests and examples: no mail arrives there. Give the real address."
)
_NO_AT = AddressRefused("address_without_at", "There is no @ in the address. Give one like name@company.com.")
_MANY = AddressRefused("address_several", "There is more than one address. Give each its own row.")
_BRACKETS = AddressRefused("address_display_name", "Give the bare address, without a name and without < and >.")
_QUOTED = AddressRefused("address_quoted_local", "Addresses with quotation marks are not supported, for many mail servers refuse them.")
_LITERAL = AddressRefused("address_literal", "The part after the @ is an IP address. Give a domain like company.com.")
_ROUTE = AddressRefused(
    "address_route", "The part before the @ contains % or !, by which mail is passed on elsewhere. Give the final address."
)
_TWO_AT = AddressRefused("address_two_at", "There are two @ in the address. Give one like name@company.com.")
_BLANK = AddressRefused("address_blank_inside", "There is a blank inside the address. Take it out.")
_DOT = AddressRefused("address_dot_misplaced", "There is a dot at the start or end, or two in a row. Take it out.")

_SHAPES: tuple[tuple[Callable[[str], bool], AddressRefused], ...] = (
    (lambda text: "@" not in text, _NO_AT),
    (lambda text: "<" in text or ">" in text, _BRACKETS),
    (lambda text: '"' in text, _QUOTED),
    (lambda text: text.startswith("@"), _EMPTY),
    (lambda text: "," in text or ";" in text, _MANY),
    (lambda text: "@[" in text, _LITERAL),
    (lambda text: text.count("@") > 1, _TWO_AT),
    (lambda text: any(letter.isspace() for letter in text), _BLANK),
    (lambda text: "%" in text.partition("@")[0] or "!" in text.partition("@")[0], _ROUTE),
    (lambda text: text[0] == "." or text[-1] == "." or ".@" in text or "@." in text or ".." in text, _DOT),
    (lambda text: "." not in unicodedata.normalize("NFKC", text.partition("@")[2]).replace("\u3002", "."), _INCOMPLETE),
    (lambda text: len(text.partition("@")[0].encode()) > MAX_LOCAL_OCTETS, _LOCAL_TOO_LONG),
    (lambda text: len(text.partition("@")[2]) > MAX_DOMAIN_OCTETS, _TOO_LONG),
)
