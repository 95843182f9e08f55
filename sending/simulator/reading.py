"""Read a letter as a recipient's software does: identity, signatures, pixels, links and ways out. Pure but for key look-ups."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr
from urllib.parse import urlsplit

import dkim
from selectolax.lexbor import LexborHTMLParser, LexborNode

from posthouse.sending.simulator.cards import Reading

#: Answers a key's owner name with the joined TXT strings, or None; dkimpy's form.
KeyLookup = Callable[..., bytes | None]

MAX_LINKS = 60
#: How people find the way out when it is not the one that the header names.
_WAY_OUT = re.compile(
    r"unsubscribe|opt.?out|abmelden|abbestellen|désabonner|désinscri|cancelar|darse de baja|disiscriv|uitschrijven", re.IGNORECASE
)
_URI = re.compile(r"<\s*([^>\s]+)\s*>")


def read_letter(data: bytes, lookup: KeyLookup | None) -> Reading:
    """Return what is in a letter; with no look-up its signatures are not verified and ``dkim`` is empty."""
    # The older of the standard library's two parsers: the newer takes three times as long.
    message = message_from_bytes(data)
    verdict, reason = verify(data, lookup) if lookup else ("", "")
    one_click, mailto = _ways_out(message)
    hosts = {urlsplit(one_click).netloc} if one_click else set()
    pixels, links, page = _html_parts(message, hosts)
    sender = parseaddr(str(message.get("from", "")))[1]
    head = data.partition(b"\r\n\r\n")[0]
    return Reading(
        message_id=_text(message, "message-id").strip(),
        sender_domain=sender.rpartition("@")[2].lower(),
        sender=sender,
        subject=_text(message, "subject"),
        dkim=verdict,
        dkim_reason=reason,
        pixels=pixels,
        links=links,
        unsubscribe_page=page,
        one_click=one_click if _is_one_click(message) else "",
        unsubscribe_mailto=mailto,
        complaint_address=_text(message, "cfbl-address").partition(";")[0].strip(),
        feedback_id=_text(message, "cfbl-feedback-id"),
        headers=head + b"\r\n",
    )


def verify(data: bytes, lookup: KeyLookup) -> tuple[str, str]:
    """Verify every DKIM signature (RFC 6376 section 6.1) with dkimpy: ``pass`` only when there is one and all of them hold.

    The domain that signs must be From's own or its parent, so that what passes here is aligned as DMARC asks.
    """
    try:
        checker = dkim.DKIM(data)
        signatures = [value for name, value in checker.headers if name.lower() == b"dkim-signature"]
        if not signatures:
            return "none", "no DKIM-Signature"
        signers = set()
        for number in range(len(signatures)):
            if not checker.verify(idx=number, dnsfunc=lookup):
                return "fail", f"signature {number + 1} of {len(signatures)} does not verify"
            signers.add(checker.domain.decode("ascii", "replace").lower())
    except (dkim.DKIMException, ValueError, UnicodeError) as fault:
        return "fail", str(fault)
    if not any(_aligned(_from_domain(checker), signer) for signer in signers):
        return "fail", f"no signature is aligned with From: {', '.join(sorted(signers))}"
    return "pass", ""


def _from_domain(checker: dkim.DKIM) -> str:
    value = next((value for name, value in checker.headers if name.lower() == b"from"), b"")
    return parseaddr(value.decode("utf-8", "replace").replace("\r\n", ""))[1].rpartition("@")[2].lower()


def _aligned(domain: str, signer: str) -> bool:
    return domain == signer or domain.endswith("." + signer)


def _text(message: Message, name: str) -> str:
    value = str(message.get(name, ""))
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, UnicodeError):
        return value


def _ways_out(message: Message) -> tuple[str, str]:
    """Return the first web address and the first mail address of List-Unsubscribe (RFC 2369 section 3.2)."""
    uris = _URI.findall(_text(message, "list-unsubscribe"))
    web = next((uri for uri in uris if uri.lower().startswith(("https:", "http:"))), "")
    mail = next((uri for uri in uris if uri.lower().startswith("mailto:")), "")
    return web, mail


def _is_one_click(message: Message) -> bool:
    return _text(message, "list-unsubscribe-post").strip().lower() == "list-unsubscribe=one-click"


def _html_parts(message: Message, hosts: set[str]) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    part = next((part for part in message.walk() if part.get_content_type() == "text/html"), None)
    if part is None:
        return (), (), ""
    body = part.get_payload(decode=True)
    assert isinstance(body, bytes)
    tree = LexborHTMLParser(body.decode(part.get_content_charset("utf-8"), "replace"))
    pixels = tuple(_pixels(tree))
    ours = hosts | {urlsplit(pixel).netloc for pixel in pixels}
    anchors = [(str(node.attributes.get("href") or ""), node.text()) for node in tree.css("a[href]")]
    page = _page(anchors, ours)
    links = dict.fromkeys(href for href, text in anchors if urlsplit(href).netloc in ours and href != page and not _WAY_OUT.search(text))
    return pixels, tuple(links)[:MAX_LINKS], page


def _pixels(tree: LexborHTMLParser) -> Iterator[str]:
    for node in tree.css("img[src]"):
        source = str(node.attributes.get("src") or "")
        if source.startswith("http") and _is_pixel(node):
            yield source


def _is_pixel(node: LexborNode) -> bool:
    return node.attributes.get("width") in {"1", "0"} and node.attributes.get("height") in {"1", "0"}


def _page(anchors: list[tuple[str, str]], hosts: set[str]) -> str:
    """Find the unsubscribe page by its words, among links to the sender's service first."""
    candidates = [href for href, text in anchors if href.startswith("http") and _WAY_OUT.search(text)]
    ours = [href for href in candidates if urlsplit(href).netloc in hosts]
    return (ours or candidates or [""])[0]
