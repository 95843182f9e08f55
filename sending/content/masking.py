"""Hides Liquid from HTML and MJML tools, and puts it back.

HTML5 parsers move text out of tables, so a `{% for %}` between two rows would vanish from its place silently, and `<` in a
condition breaks an XML parser. Between elements a tag becomes a comment, which may stand anywhere; inside a tag, an
attribute, a comment or a raw-text element it becomes a word. After each tool `check` compares: every mask is still there
and in its order, or the letter is refused with the line, so nothing is lost in silence.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

# A raw or comment block is one piece: what stands inside is not Liquid.
LIQUID = re.compile(
    r"\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\}|\{%-?\s*comment\s*-?%\}.*?\{%-?\s*endcomment\s*-?%\}|\{\{.*?\}\}|\{%.*?%\}",
    re.DOTALL,
)
_BLOCK = re.compile(r"\{%-?\s*(?:raw|comment)\b")
_OPENERS = re.compile(rf"(?P<liquid>{LIQUID.pattern})|(?P<comment><!--)|(?P<tag><(?P<name>[A-Za-z][^\s/>{{]*)|</[A-Za-z]|<[!?])", re.DOTALL)
_IN_TAG = re.compile(rf"(?P<liquid>{LIQUID.pattern})|(?P<quote>[\"'])|(?P<end>>)", re.DOTALL)
_RAW_TEXT = frozenset({"style", "script", "title", "textarea", "mj-style", "mj-title", "mj-preview"})
_MASK = re.compile(r'<!--LQC(\d{5})QL-->|LQW(\d{5})QL(?:="")?', re.IGNORECASE)
MAX_TAGS = 20_000


class Unclosed(Exception):
    """A tag or block that opens at this offset never ends."""

    def __init__(self, offset: int, missing: str) -> None:
        super().__init__(missing)
        self.offset = offset
        self.missing = missing


class MasksLost(Exception):
    """A tool dropped or moved the Liquid tag at this offset of the source."""

    def __init__(self, offset: int, tag: str) -> None:
        super().__init__(tag)
        self.offset = offset
        self.tag = tag


@dataclass(slots=True)
class Masked:
    """A source without Liquid, and what was taken out: (offset, tag) by number."""

    text: str = ""
    tags: list[tuple[int, str]] = field(default_factory=list)
    written: int = 0  # as many of the tags are the author's; later ones are ours

    def check(self, text: str) -> None:
        """Raise MasksLost where a mask is missing, or block tags have changed their order."""
        present = {self._number(found) for found in _MASK.finditer(text)}
        for number, (offset, tag) in enumerate(self.tags[: self.written]):
            if number not in present:
                raise MasksLost(offset, tag)
        self.check_order(text)

    def check_order(self, text: str) -> None:
        """Raise MasksLost where block tags come in another order; a tool may have dropped or doubled some."""
        seen: set[int] = set()
        last = -1
        for found in _MASK.finditer(text):
            number = self._number(found)
            offset, tag = self.tags[number]
            if not tag.startswith("{%") or number in seen or number >= self.written:
                continue
            if number < last:
                raise MasksLost(offset, tag)
            seen.add(number)
            last = number

    def refuse(self, comment: str) -> None:
        """Raise MasksLost where the text of a comment is a mask, for it stands outside of everything."""
        if found := _MASK.fullmatch(f"<!--{comment}-->"):
            raise MasksLost(*self.tags[self._number(found)])

    @staticmethod
    def _number(found: re.Match[str]) -> int:
        return int(found.group(1) or found.group(2))

    def unmask(self, text: str) -> str:
        """Put the Liquid back."""
        return _MASK.sub(lambda found: self.tags[self._number(found)][1], text)

    def add(self, tag: str) -> str:
        """Mask a Liquid tag of our own; return the word that stands for it."""
        return _word(self, 0, tag)

    def tags_in(self, text: str) -> list[str]:
        """Return the Liquid tags that a masked text holds, in order."""
        return [self.tags[self._number(found)][1] for found in _MASK.finditer(text)]


def check_closed(source: str) -> None:
    """Make one pass over the source that ends at the first tag or block without its end. Raises: Unclosed.

    Patterns that look for an end would else look to the end of the source for each of a million openings.
    """
    place = 0
    while found := re.compile(r"\{\{|\{%").search(source, place):
        closing = "}}" if found.group() == "{{" else "%}"
        end = source.find(closing, found.end())
        if end < 0:
            raise Unclosed(found.start(), closing)
        place = end + 2
        name = source[found.end() : end].strip("- \t\r\n")
        if closing == "%}" and name in {"raw", "comment"}:
            block = re.compile(rf"\{{%-?\s*end{name}\s*-?%\}}").search(source, place)
            if block is None:
                raise Unclosed(found.start(), f"{{% end{name} %}}")
            place = block.end()


def unescaped(source: str) -> str:
    """Read the Liquid of an HTML or MJML source as it was meant: an editor's `&lt;` inside a tag is `<` again."""
    return LIQUID.sub(lambda found: found.group() if _BLOCK.match(found.group()) else html.unescape(found.group()), source)


def clean(source: str) -> str:
    """Make a source safe to mask: no text of it looks like a mask."""
    return re.sub(r"LQ([CW])(?=\d{5}QL)", "LQ\u2060\\1", source, flags=re.IGNORECASE)


def mask(source: str) -> Masked:
    """Take the Liquid out of an HTML or MJML source."""
    masked, out, place = Masked(), [], 0
    while found := _OPENERS.search(source, place):
        out.append(source[place : found.start()])
        place = found.end()
        if found["liquid"]:
            out.append(_comment(masked, found.start(), found["liquid"]))
        elif found["comment"]:
            place = _words_until(source, place, "-->", masked, out, opening=found.group())
        else:
            place = _tag(source, found, masked, out)
            if (found["name"] or "").lower() in _RAW_TEXT and not source.endswith("/>", 0, place):
                place = _words_until(source, place, f"</{found['name']}", masked, out, opening="")
    masked.text = "".join(out) + source[place:]
    masked.written = len(masked.tags)
    return masked


def _tag(source: str, opener: re.Match[str], masked: Masked, out: list[str]) -> int:
    """Copy one tag to its end, with words for the Liquid in it; return where it ends."""
    out.append(opener.group())
    place, quote = opener.end(), ""
    while found := _IN_TAG.search(source, place):
        out.append(source[place : found.start()])
        place = found.end()
        if found["liquid"]:
            out.append(_word(masked, found.start(), found["liquid"]))
            continue
        out.append(found.group())
        if found["quote"] and quote in {"", found["quote"]}:
            quote = "" if quote else found["quote"]
        elif found["end"] and not quote:
            return place
    out.append(source[place:])
    return len(source)


def _words_until(source: str, place: int, end: str, masked: Masked, out: list[str], *, opening: str) -> int:
    """Copy up to and without `end`, with words for the Liquid; return where `end` begins."""
    out.append(opening)
    closer = re.compile(rf"(?P<liquid>{LIQUID.pattern})|{re.escape(end)}", re.DOTALL | re.IGNORECASE)
    while (found := closer.search(source, place)) and found["liquid"]:
        out += [source[place : found.start()], _word(masked, found.start(), found["liquid"])]
        place = found.end()
    stop = found.start() if found else len(source)
    out.append(source[place:stop])
    return stop


def _number(masked: Masked, offset: int, tag: str) -> int:
    if len(masked.tags) >= MAX_TAGS:
        raise MasksLost(offset, tag)
    masked.tags.append((offset, tag))
    return len(masked.tags) - 1


def _comment(masked: Masked, offset: int, tag: str) -> str:
    return f"<!--LQC{_number(masked, offset, tag):05}QL-->"


def _word(masked: Masked, offset: int, tag: str) -> str:
    return f"LQW{_number(masked, offset, tag):05}QL"
