"""The plain-text part, made once from the HTML."""

from __future__ import annotations

import re

from inscriptis import Inscriptis  # type: ignore[import-untyped]
from inscriptis.model.config import ParserConfig  # type: ignore[import-untyped]
from lxml import html as lxml_html  # type: ignore[import-untyped]
from lxml.etree import Comment, ParserError  # type: ignore[import-untyped]
from lxml.html import builder  # type: ignore[import-untyped]

from posthouse.sending.content.masking import Masked

_DROPPED = ("style", "script", "title", "head")
_MASK_COMMENT = re.compile(r"LQC(\d{5})QL")
_ROWS = frozenset({"table", "tbody", "thead", "tfoot"})


def from_html(masked_html: str, masked: Masked) -> str:
    """Return the text of masked HTML: links as `text (address)`, no pictures, at most one empty line in a row."""
    try:
        tree = lxml_html.document_fromstring(masked_html)
    except (ParserError, ValueError):
        return ""
    for outside in [*tree.itersiblings(preceding=True), *tree.itersiblings()]:
        masked.refuse(outside.text or "")
    for comment in list(tree.iter(Comment)):
        _speak(comment)
    for element in list(tree.iter(*_DROPPED)):
        element.drop_tree()
    for anchor in tree.iter("a"):
        _spell_out(anchor)
    for table in tree.iter("table"):
        if table.get("role") == "presentation":
            _unfold(table)
    text = Inscriptis(tree, ParserConfig(display_images=False, display_links=False)).get_text()
    lines = [re.sub(r"[ \t\u00a0]{2,}", "  ", line).strip() for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "".join(_ended(line, masked) for line in lines)).strip() + "\n"


def _unfold(table: lxml_html.HtmlElement) -> None:
    """Make a table that is there for layout alone into blocks; every innermost cell becomes a paragraph."""
    table.tag = "div"
    for body in table.iterchildren():
        rows = [body] if body.tag == "tr" else list(body.iterchildren("tr"))
        body.tag = "div"
        for row in rows:
            row.tag = "div"
            for cell in row.iterchildren("td", "th"):
                cell.tag = "div" if cell.find(".//table") is not None else "p"


def _ended(line: str, masked: Masked) -> str:
    """End a line, but not one that holds block tags alone: it would come out empty for every turn of a loop."""
    tags = masked.tags_in(line)
    alone = tags and all(tag.startswith("{%") for tag in tags) and not re.sub(r"LQW\d{5}QL|\s", "", line)
    return line if alone else line + "\n"


def _speak(comment: lxml_html.HtmlComment) -> None:
    """Put a word where a masking comment stood, in a row and cell of its own between rows and cells; drop other comments."""
    found = _MASK_COMMENT.fullmatch(comment.text or "")
    parent = comment.getparent()
    if parent is None:
        return
    if found is None:
        comment.drop_tree()
        return
    word = f"LQW{found.group(1)}QL"
    if parent.tag in _ROWS:
        parent.replace(comment, _with_tail(builder.TR(builder.TD(word)), comment))
    elif parent.tag == "tr":
        parent.replace(comment, _with_tail(builder.TD(word), comment))
    else:
        # drop_tree joins the comment's tail to the text before it.
        comment.tail = word + (comment.tail or "")
        comment.drop_tree()


def _with_tail(element: lxml_html.HtmlElement, comment: lxml_html.HtmlComment) -> lxml_html.HtmlElement:
    element.tail = comment.tail
    return element


def _spell_out(anchor: lxml_html.HtmlElement) -> None:
    address = anchor.get("href") or ""
    said = (anchor.text_content() or "").strip()
    if not address or address.startswith("#"):
        return
    if address.startswith("mailto:"):
        shown = address.removeprefix("mailto:").split("?")[0]
        address = "" if shown in said else shown
    if address and address != said:
        anchor.tail = (f" ({address})" if said else address) + (anchor.tail or "")
