"""From MJML or HTML as written to HTML as mail programs take it: compiled, CSS inlined, nothing active in it."""

from __future__ import annotations

import html
import re

import css_inline
import mrml

from posthouse.sending.content.masking import Masked
from posthouse.sending.content.problems import Problem, at, whole

MAX_TAGS = 20_000
MAX_DEPTH = 256
# Elements that have no end, or whose end is often left out.
_NOT_NESTING = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
        "p",
        "li",
        "td",
        "th",
        "tr",
        "dt",
        "dd",
        "option",
        "tbody",
        "thead",
        "tfoot",
    ]
)
_ELEMENT = re.compile(r"<(/?)([A-Za-z][^\s/>]*)(?:[^<>\"']|\"[^\"]*\"|'[^']*')*?(/?)>")
# Elements and attributes that mail programs drop or warn of, and that would run in a preview.
_ACTIVE = re.compile(
    r"<(?:script|iframe|frame|object|embed|applet|base|portal)\b|<meta\b[^>]*http-equiv\s*=\s*[\"']?\s*refresh|"
    r"<[a-z][^>]*\son[a-z]+\s*=|expression\s*\(|@import\b|-moz-binding|vbscript:",
    re.IGNORECASE,
)
_IMAGE = re.compile(r"<img\b(?P<attributes>(?:[^\"'>]|\"[^\"]*\"|'[^']*')*)>", re.IGNORECASE)
_ALT = re.compile(r"\salt(?=[\s=/]|$)", re.IGNORECASE)
_SOURCE = re.compile(r"\ssrc\s*=\s*[\"']?([^\"'\s>]*)", re.IGNORECASE)
_TABLE_HEAD = re.compile(r"(<table\b[^>]*>)((?:\s*<!--LQC\d{5}QL-->)+\s*)<tbody>", re.IGNORECASE)
_MJML_TAG = re.compile(r"<(mj-[a-z-]+)", re.IGNORECASE)
_MJML_KNOWN = frozenset(
    f"mj-{name}"
    for name in [
        "accordion",
        "accordion-element",
        "accordion-text",
        "accordion-title",
        "all",
        "attributes",
        "body",
        "breakpoint",
        "button",
        "carousel",
        "carousel-image",
        "class",
        "column",
        "divider",
        "font",
        "group",
        "head",
        "hero",
        "image",
        "navbar",
        "navbar-link",
        "preview",
        "raw",
        "section",
        "social",
        "social-element",
        "spacer",
        "style",
        "table",
        "text",
        "title",
        "wrapper",
    ]
)
_MJML_PLACE = re.compile(r"at position (\d+)")


class MarkupRefused(Exception):
    """The markup can't be taken; carries the finding."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.sentence)
        self.problem = problem


def refuse_huge(source: str) -> None:
    """Refuse what no mail program would show, before any tool works on it. Raises: MarkupRefused."""
    if source.count("<") > MAX_TAGS:
        raise MarkupRefused(whole("html", "html_too_many_tags", f"The HTML has more than {MAX_TAGS} tags. Make it simpler."))
    depth = deepest = 0
    for closing, name, self_closed in _ELEMENT.findall(source):
        if not self_closed and name.lower() not in _NOT_NESTING:
            depth = max(depth - 1, 0) if closing else depth + 1
            deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise MarkupRefused(
            whole("html", "html_too_deep", f"The HTML is nested more than {MAX_DEPTH} deep. Close your tags, or make it simpler.")
        )


def active_content(source: str) -> list[Problem]:
    """Find what could run or load: scripts, frames, event attributes, CSS imports."""
    return [
        at(
            "html",
            source,
            found.start(),
            "html_active",
            f"“{found.group()[:40].strip()}” is not allowed in mail: mail programs remove it. Take it out.",
        )
        for found in _ACTIVE.finditer(source)
    ][:20]


def from_mjml(source: str, masked: Masked) -> str:
    """Compile masked MJML. No web fonts and no includes: nothing may be fetched from others. Raises: MarkupRefused."""
    for tag in _MJML_TAG.finditer(source):
        # The compiler drops what it does not know, without a word.
        if tag.group(1).lower() not in _MJML_KNOWN:
            sentence = f"There is no MJML tag “{tag.group(1)}” that can be used here. Take it out or spell it as MJML does."
            raise MarkupRefused(at("html", source, tag.start(), "mjml_unknown", sentence))
    try:
        made = mrml.to_html(masked.text, None, mrml.RenderOptions(disable_comments=False, fonts={}, social_icon_origin=""))
    except (OSError, ValueError) as error:
        place = _MJML_PLACE.search(str(error))
        offset = min(int(place.group(1)), len(source)) if place else 0
        sentence = f"The MJML can't be read: {str(error).replace(' in root template', '')}. Check that every tag is closed and known."
        raise MarkupRefused(at("html", source, offset, "mjml_syntax", sentence)) from error
    return made.content


def inline_css(masked_html: str) -> str:
    """Write style rules into the elements, and leave media rules where they are. Raises: MarkupRefused."""
    try:
        made = css_inline.inline(masked_html, keep_style_tags=True, keep_at_rules=True, load_remote_stylesheets=False)
    except (css_inline.InlineError, ValueError) as error:
        raise MarkupRefused(whole("html", "css_syntax", f"The style sheet can't be read: {error}.")) from error
    if "<tbody" not in masked_html.lower():
        # The parser adds a tbody after a loop's beginning and before its end; the loop belongs inside.
        made = _TABLE_HEAD.sub(r"\1<tbody>\2", made)
    return made


def image_problems(source: str) -> list[Problem]:
    """Find pictures without a text for those who don't see them, and pictures that can't load."""
    found: list[Problem] = []
    for image in _IMAGE.finditer(source):
        if not _ALT.search(image["attributes"]):
            sentence = "This picture has no alt text. Say in alt=\"…\" what it shows; alt=\"\" for decoration."  # fmt: skip
            found.append(at("html", source, image.start(), "image_without_alt", sentence, error=False))
        address = _SOURCE.search(image["attributes"])
        if address and not re.match(r"https?://|\{|cid:", html.unescape(address.group(1)).strip(), re.IGNORECASE):
            sentence = "This picture has no full address, so nobody will see it. Give it one that begins with https://."
            found.append(at("html", source, image.start(), "image_address", sentence, error=False))
    return found[:50]
