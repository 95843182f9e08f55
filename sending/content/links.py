"""Finds the links of a letter, numbers them, and puts a per-recipient place in their stead."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from posthouse.sending.content.masking import Masked
from posthouse.sending.content.problems import Problem, at, whole

MAX_LINKS = 500
MAX_LINK_CHARACTERS = 2000
_TAG = re.compile(r"<(?:a|area|v:[a-z]+)(?=\s)(?:[^\"'>]|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_HREF = re.compile(r"(?P<before>\shref\s*=\s*)(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>[^\s\"'>]+))", re.IGNORECASE)
_PLAIN = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_TRAILING = ".,;:!?)]}'"
_KEPT_SCHEMES = ("mailto:", "tel:", "sms:", "#")
_SYSTEM = re.compile(r"\{\{-?\s*(?:unsubscribe_url|preferences_url)\s*-?\}\}")


@dataclass(slots=True)
class Links:
    """Targets by number, and what was found on the way; `source` is the author's text, for line numbers."""

    source: str
    targets: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def number(self, target: str) -> int:
        """Return the number of a target; the same target has one number."""
        if target not in self.targets:
            self.targets.append(target)
        return self.targets.index(target)


def in_html(masked_html: str, masked: Masked, source: str) -> tuple[str, Links]:
    """Replace every link by its number; leave mailto, telephone, anchors and links with personal parts."""
    links = Links(source)

    def per_tag(tag: re.Match[str]) -> str:
        return _HREF.sub(lambda href: _replaced(href, masked, links), tag.group(), count=1)

    made = _TAG.sub(per_tag, masked_html)
    if len(links.targets) > MAX_LINKS:
        links.problems.append(whole("html", "too_many_links", f"The letter has more than {MAX_LINKS} links. Take some out."))
    return made, links


def numbered(markup: str, write: Callable[[int], str]) -> tuple[str, list[str]]:
    """Replace the web links of finished HTML, in which no Liquid stands, by what `write` gives for their number; returns the targets too.

    Links beyond the limit, and those that lead to no web page, stay as they are.
    """
    links = Links(markup)

    def per_link(href: re.Match[str]) -> str:
        value = href["double"] if href["double"] is not None else href["single"] if href["single"] is not None else href["bare"]
        target = html.unescape(value).strip()
        if not _is_web(target) or (target not in links.targets and len(links.targets) >= MAX_LINKS):
            return href.group()
        return f'{href["before"]}"{write(links.number(target))}"'

    made = _TAG.sub(lambda tag: _HREF.sub(per_link, tag.group(), count=1), markup)
    return made, links.targets


def in_text(masked_text: str, masked: Masked, links: Links) -> str:
    """Replace web addresses in plain text by their number."""

    def per_address(found: re.Match[str]) -> str:
        address = found.group().rstrip(_TRAILING)
        rest = found.group()[len(address) :]
        if masked.tags_in(address) or not _is_web(address):
            return found.group()
        return masked.add(f"{{{{ _l[{links.number(address)}] }}}}") + rest

    return _PLAIN.sub(per_address, masked_text)


def _replaced(href: re.Match[str], masked: Masked, links: Links) -> str:
    value = href["double"] if href["double"] is not None else href["single"] if href["single"] is not None else href["bare"]
    target = html.unescape(value).strip()
    if masked.tags_in(target):
        return _personal(href, target, masked, links)
    if not target or target.lower().startswith(_KEPT_SCHEMES):
        return href.group()
    if not _is_web(target):
        offset = max(links.source.find(value), links.source.find(target))
        sentence = f"The link “{target[:60]}” leads nowhere from a mail. Begin it with https:// or mailto:."
        found = at("html", links.source, offset, "link_scheme", sentence) if offset >= 0 else whole("html", "link_scheme", sentence)
        links.problems.append(found)
        return href.group()
    return f'{href["before"]}"{masked.add(f"{{{{ _l[{links.number(target)}] }}}}")}"'


def _personal(href: re.Match[str], target: str, masked: Masked, links: Links) -> str:
    tags = masked.tags_in(target)
    if len(tags) == 1 and _SYSTEM.fullmatch(tags[0]) and masked.unmask(target) == tags[0]:
        return f'{href["before"]}"{target}"'
    offset = max(links.source.find(tags[0]), 0)
    sentence = "This link has a personal part, so it leads there directly and its clicks are not counted."
    links.problems.append(at("html", links.source, offset, "link_personal", sentence, error=False))
    if re.match(r"https?://[^\s/?#]+[/?#]|mailto:", masked.unmask(target).split("{", 1)[0], re.IGNORECASE):
        return f'{href["before"]}"{html.escape(target)}"'
    # Where the address itself is personal, it is looked at when it is known: a field may hold "javascript:".
    begin, end = masked.add("{% capture _u %}"), masked.add("{% endcapture %}{{ _u | _web_url }}")
    return f'{href["before"]}"{begin}{html.escape(target)}{end}"'


def _is_web(target: str) -> bool:
    if len(target) > MAX_LINK_CHARACTERS or re.search(r"[\x00-\x20\x7f\\]", target):
        return False
    try:
        parts = urlsplit(target)
        return parts.scheme.lower() in {"http", "https"} and bool(parts.hostname) and parts.username is None and (parts.port or 1) > 0
    except ValueError:
        return False


def web_url(value: object) -> str:
    """Return an address that may stand in a link, or `#` (a Liquid filter of our own, for links that are fields)."""
    text = html.unescape(str(value)).strip()
    return text if _is_web(text) or re.match(r"mailto:[^\s<>]+$", text) else "#"
