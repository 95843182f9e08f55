"""Compiles a letter once: from what its author wrote to final HTML and text with numbered links, or to findings with lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from html import unescape

from liquid import BoundTemplate
from liquid.exceptions import LiquidError, ResourceLimitError

from posthouse.sending.content import language, links, markup, plain
from posthouse.sending.content.letters import MARKETING, Compiled, Letter, Outcome
from posthouse.sending.content.masking import Masked, MasksLost, Unclosed, check_closed, clean, mask, unescaped
from posthouse.sending.content.problems import Problem, at, whole
from posthouse.sending.content.rendering import TemplateFailed, render

# Gmail hides the rest of a longer message behind "view entire message" (its own limit, 102 KB as long as it is known).
GMAIL_CLIP_BYTES = 102_000
MAX_SUBJECT_CHARACTERS = 500
SYSTEM_NAMES = frozenset({"unsubscribe_url", "preferences_url", "postal_address", "sender_name"})
OUR_NAMES = frozenset({"_l", "_o", "_u"})
_PIXEL = '<img src="{{ _o }}" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">'
_HIDDEN = '<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">'
_TRIAL_LINK = "https://trial.invalid/"
_TRIAL_UNSUBSCRIBE = "https://trial.invalid/unsubscribe"


@dataclass(slots=True)
class _Work:
    """What is known of a letter while it is compiled."""

    letter: Letter
    problems: list[Problem]
    used: set[str]

    def failed(self) -> bool:
        return any(problem.error for problem in self.problems)


def compile_letter(letter: Letter) -> Outcome:
    """Compile a letter. Pure; the same letter gives the same result. What forbids sending is an error among the findings."""
    work = _Work(letter, [], set())
    _check_sizes(work)
    if not work.failed():
        letter = _read(work)
        for part, source in (("subject", letter.subject), ("preheader", letter.preheader), ("html", letter.html), ("text", letter.text)):
            _lint(work, part, source)
    if work.failed():
        return Outcome(None, tuple(work.problems))
    try:
        compiled = _compile(work)
    except markup.MarkupRefused as refused:
        return Outcome(None, (*work.problems, refused.problem))
    except MasksLost as lost:
        sentence = f"“{lost.tag[:60]}” stands where it would be lost. Put it between elements, or in mj-raw."
        return Outcome(None, (*work.problems, at("html", letter.html, lost.offset, "tag_misplaced", sentence)))
    _try_out(work, compiled)
    return Outcome(None if work.failed() else compiled, tuple(work.problems))


def _check_sizes(work: _Work) -> None:
    letter = work.letter
    if not letter.subject.strip():
        work.problems.append(whole("subject", "subject_missing", "The subject is empty. Write one."))
    if len(letter.subject) > MAX_SUBJECT_CHARACTERS:
        work.problems.append(
            whole("subject", "subject_too_long", f"The subject has more than {MAX_SUBJECT_CHARACTERS} characters. Shorten it.")
        )
    if not letter.html.strip():
        work.problems.append(whole("html", "html_missing", "The letter is empty. Write its HTML or MJML."))
    for part, source in (("html", letter.html), ("text", letter.text), ("preheader", letter.preheader)):
        if len(source) > language.MAX_SOURCE_CHARACTERS:
            sentence = f"This part has more than {language.MAX_SOURCE_CHARACTERS:,} characters. Shorten it; link to large content."
            work.problems.append(whole(part, "too_large", sentence))
        if "\x00" in source or re.search(r"[\ud800-\udfff]", source):
            work.problems.append(
                whole(part, "bad_characters", "This part holds characters that no mail can carry (NUL or half a pair). Take them out.")
            )


def _read(work: _Work) -> Letter:
    """Read the Liquid in the HTML as it was meant; one that is never closed is found by the lint."""
    with suppress(Unclosed):
        check_closed(work.letter.html)
        work.letter = replace(work.letter, html=unescaped(clean(work.letter.html)))
    return work.letter


def _lint(work: _Work, part: str, source: str) -> None:
    try:
        check_closed(source)
        template = language.TEXT.parse_letter(source)
    except Unclosed as unclosed:
        sentence = f"This tag is opened and never closed: “{unclosed.missing}” is missing."
        work.problems.append(at(part, source, unclosed.offset, "template_syntax", sentence))
        return
    except LiquidError as error:
        offset = error.token.start_index if error.token else 0
        code = "template_too_deep" if isinstance(error, ResourceLimitError) else "template_syntax"
        work.problems.append(at(part, source, offset, code, f"The template can't be read here: {error.message}."))
        return
    _lint_names(work, part, source, template)


def _lint_names(work: _Work, part: str, source: str, template: BoundTemplate) -> None:
    known = work.letter.fields | {"email"}
    for root, uses in template.analyze(include_partials=False).globals.items():
        for use in uses:
            name = str(use.segments[1]) if root == "contact" and len(use.segments) > 1 else root
            if name in known and root in {"contact", name}:
                work.used.add(name)
            elif not (root in SYSTEM_NAMES or (root == "contact" and len(use.segments) == 1)):
                near = get_close_matches(name, sorted(known | SYSTEM_NAMES), n=1)
                hint = f"Did you mean “{near[0]}”?" if near else "Make the field first, or take it out."
                work.problems.append(at(part, source, use.span.index, "unknown_field", f"There is no field “{name}”. {hint}"))


def _compile(work: _Work) -> Compiled:
    letter = work.letter
    source = letter.html
    markup.refuse_huge(source)
    work.problems += markup.active_content(source)
    masked = mask(source)
    if letter.kind != "mjml" and "<body" not in masked.text.lower():
        # What stands before the body, such as a condition around all of it, would be put outside of everything.
        masked.text = f"<html><body>{masked.text}</body></html>" if "<html" not in masked.text.lower() else masked.text
    if letter.kind == "mjml":
        made = markup.from_mjml(source, masked)
        masked.check(made)
    else:
        made = markup.inline_css(masked.text)
        masked.check(made)
    work.problems += markup.image_problems(source)
    made, found = links.in_html(made, masked, source)
    text = _text_part(letter, made, masked, found)
    work.problems += found.problems
    html = masked.unmask(_with_extras(made, masked, letter.preheader))
    size = len(html.encode())
    if size > GMAIL_CLIP_BYTES:
        sentence = f"The HTML has {size // 1000} KB; Gmail shows the first {GMAIL_CLIP_BYTES // 1000} KB and hides the rest, with the unsubscribe link."
        work.problems.append(whole("html", "gmail_clip", sentence + " Shorten it.", error=False))
    return Compiled(
        subject=letter.subject, html=html, text=text, links=tuple(found.targets), fields=tuple(sorted(work.used)), html_bytes=size
    )


def _text_part(letter: Letter, made: str, masked: Masked, found: links.Links) -> str:
    if not letter.text.strip():
        derived = plain.from_html(made, masked)
        masked.check_order(derived)
        return masked.unmask(derived)
    given = mask(clean(letter.text))
    return given.unmask(links.in_text(given.text, given, found))


def _with_extras(made: str, masked: Masked, preheader: str) -> str:
    """Add the hidden preview line after <body> and the open pixel before </body>."""
    if preheader.strip():
        hidden = _HIDDEN + mask(clean(preheader)).unmask(mask(clean(preheader)).text) + "</div>"
        made = re.sub(r"(<body\b[^>]*>)", lambda found: found.group() + masked.add(hidden), made, count=1, flags=re.IGNORECASE)
    place = made.lower().rfind("</body>")
    place = place if place >= 0 else len(made)
    return made[:place] + masked.add(_PIXEL) + made[place:]


def _try_out(work: _Work, compiled: Compiled) -> None:
    """Render the letter for the sample contact and for one without any field: what fails or lacks its footer is found now."""
    for fields in (work.letter.sample, {}):
        made = _trial(work, compiled, fields)
        if made is None:
            return
        if work.letter.stream == MARKETING:
            _check_footer(work, made)
        if work.failed():
            return


def _trial(work: _Work, compiled: Compiled, fields: Mapping[str, object]) -> dict[str, str] | None:
    names = variables(fields, sender_name=work.letter.sender_name, postal_address=work.letter.postal_address)
    names |= {"unsubscribe_url": _TRIAL_UNSUBSCRIBE, "preferences_url": _TRIAL_LINK + "p", "_o": _TRIAL_LINK}
    names["_l"] = [f"{_TRIAL_LINK}{number}" for number in range(len(compiled.links))]
    made: dict[str, str] = {}
    for part, environment in (("subject", language.TEXT), ("html", language.HTML), ("text", language.TEXT)):
        try:
            made[part] = render(environment.from_string(getattr(compiled, part)), names)
        except (TemplateFailed, LiquidError) as error:
            code = "template_limit" if getattr(error, "limit", False) else "template_fails"
            work.problems.append(_located(work, part, code, error))
            return None
    return made


def _located(work: _Work, part: str, code: str, error: Exception) -> Problem:
    """Point at the tag in the author's source that failed; where it can't be found, at the part."""
    reason = str(error.message) if isinstance(error, LiquidError) else str(error)
    sentence = f"The template fails when it is filled in: {reason}."
    source = getattr(work.letter, part)
    offset = source.find(tag) if (tag := getattr(error, "tag", "")) else -1
    return at(part, source, offset, code, sentence) if offset >= 0 else whole(part, code, sentence)


def _check_footer(work: _Work, made: dict[str, str]) -> None:
    if f'href="{_TRIAL_UNSUBSCRIBE}"' not in made["html"]:
        sentence = "There is no unsubscribe link. Add one that every recipient sees: <a href=\"{{ unsubscribe_url }}\">Unsubscribe</a>."  # fmt: skip
        work.problems.append(whole("html", "unsubscribe_missing", sentence))
    if _TRIAL_UNSUBSCRIBE not in made["text"]:
        work.problems.append(whole("text", "unsubscribe_missing", "The text part has no unsubscribe link. Add {{ unsubscribe_url }}."))
    address = _squeezed(work.letter.postal_address)
    if not address:
        sentence = "Your postal address is not set. Marketing mail must show it: enter it in your settings."
        work.problems.append(whole("html", "postal_address_unset", sentence))
        return
    for part in ("html", "text"):
        if address not in _squeezed(re.sub(r"<[^>]*>", " ", made[part]) if part == "html" else made[part]):
            sentence = "Your postal address is missing. Add {{ postal_address }} to the footer, where every recipient sees it."
            work.problems.append(whole(part, "postal_address_missing", sentence))


def _squeezed(text: str) -> str:
    return re.sub(r"[\s,]+", " ", unescape(text)).strip().casefold()


def variables(fields: Mapping[str, object], *, sender_name: str, postal_address: str) -> dict[str, object]:
    """Return what a letter sees: the contact's fields, alone and as `contact.…`, and the sender's name and address."""
    return {
        **fields,
        "contact": fields,
        "sender_name": sender_name,
        "postal_address": ", ".join(line.strip() for line in postal_address.splitlines() if line.strip()),
    }
