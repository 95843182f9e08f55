"""One mail seen as a letter: what it says itself, apart from the original that it gives back."""

import html
import re
from dataclasses import dataclass

from posthouse.inbound.parsing.headers import Fields, addresses, decode_words, first, read_fields
from posthouse.inbound.parsing.mime import Mail, Part, parse

LOW_LIMIT = 8_000  # characters in lower case
TEXT_LIMIT = 64 * 1024  # characters of the letter's own words that are looked at

_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/h\d|/li|/pre)\b[^>]{0,200}>", re.IGNORECASE)
_HIDDEN = re.compile(r"<(style|script|head)\b")
_TAG = re.compile(r"<(?!mailto:)(?:/?[a-z!?][^<>@]{0,2000}|a\s[^<>]{0,2000})>", re.IGNORECASE)

# Lines after which a report written as plain text gives the original back.
_ORIGINAL_STARTS = re.compile(
    r"^[ \t>|*=_.-]*(?:"
    r"(?:this|below|here|included|enclosed|attached)[^\n]{0,40} (?:is|are) (?:a copy|the (?:first|header)|your message)[^\n]*"
    r"|below this line is a copy[^\n]*"
    r"|(?:a )?copy of the original message[^\n]*"
    r"|(?:the )?(?:header|headers|first \d+ lines|header and top \d+ lines)[^\n]{0,30} of (?:the|your)[^\n]{0,20}(?:message|mail)[^\n]*"
    r"|original (?:message|mail)(?: info| as received is as| header)?(?: follows| as)?[^\n]{0,40}"
    r"|message (?:headers?|text|body)(?: is)?(?: attached| follows?| suppressed)?[ \t:.|*=-]*"
    r"|header of the source mail[^\n]*"
    r"|returned (?:message|mail)[^\n]{0,40}"
    r"|unsent message(?: below)?[ \t:.-]*"
    r"|(?:your )?message reads \(in part\)[^\n]*|your message reads[^\n]*"
    r"|old message:[^\n]*"
    r"|message header[^\n]{0,30}"
    r"|(?:the )?text of the (?:original )?message[^\n]{0,40}"
    r"|(?:start|begin)[^\n]{0,10} (?:of )?(?:original|returned)[^\n]*"
    r")$"
    r"|^>?(?:received: (?:from|by|\()|return-path: ?<|dkim-signature: |x-google-smtp-source: )",
    re.IGNORECASE | re.MULTILINE,
)
_FROM_MACHINE = re.compile(r"return-path: ?<>|(?:[^\n]+\n){0,60}?from: ?[^\n]*mailer-daemon", re.IGNORECASE)
_ORIGINAL_TYPES = (
    "message/rfc822",
    "message/global",
    "message/news",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global-headers",
)
_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status", "message/xdelivery-status")
_UNWANTED_TEXT = ("text/calendar", "text/css", "text/x-vcard", "text/rfc822-headers")


@dataclass(slots=True)
class Letter:
    """What the sorters look at.

    `text` is what the letter itself says, `status_parts` the machine-readable parts, `originals` the header blocks of mail
    that it gives back (best first), `original_text` what stands there in plain text. `low` is the first of the words in lower
    case: a pattern that need not mind case takes a quarter of the time.
    """

    mail: Mail
    subject: str
    sender: str
    text: str
    status_parts: list[str]
    feedback_parts: list[str]
    originals: list[Fields]
    original_text: str
    low: str

    def get(self, name: str) -> str:
        """A header field of the letter itself."""
        return self.mail.root.heads.get(name, "")

    @property
    def report_type(self) -> str:
        """The report-type of RFC 6522, in lower case."""
        for part in self.mail.parts:
            if part.content_type == "multipart/report" and part.params.get("report-type"):
                return part.params["report-type"].lower()
        return ""


def read_letter(raw: bytes) -> Letter:
    """Take a mail apart into a letter; never raises."""
    mail = parse(raw)
    root = mail.root
    text, status, feedback, originals = _walk(mail)
    text, behind = _cut_original(text[:TEXT_LIMIT])
    if _FROM_MACHINE.match(behind):
        # A report that was passed on by hand: the report below is what is meant.
        inside = behind.partition("\n\n")[2]
        again, behind = _cut_original(inside)
        text += again
    if behind:
        originals.append(_original_fields(behind))
    return Letter(
        mail=mail,
        subject=decode_words(root.get("subject"))[:1000],
        sender=decode_words(root.get("from"))[:1000],
        text=text,
        status_parts=status,
        feedback_parts=feedback,
        originals=[fields for fields in originals if fields],
        original_text=behind,
        low=text[:LOW_LIMIT].lower(),
    )


def _walk(mail: Mail) -> tuple[str, list[str], list[str], list[Fields]]:
    texts: list[tuple[str, str]] = []
    status: list[str] = []
    feedback: list[str] = []
    originals: list[Fields] = []
    given_back: set[int] = set()
    inner: list[str] = []
    for part in mail.parts:
        inside = id(part) in given_back
        if inside or part.content_type in _ORIGINAL_TYPES:
            given_back.update(id(child) for child in part.children)
        if part.content_type in _STATUS_TYPES:
            (inner if inside else status).append(part.text())
        elif part.content_type == "message/feedback-report":
            feedback.append(part.text())
        elif part.content_type.endswith("headers") and part.content_type in _ORIGINAL_TYPES:
            originals.append(read_fields(part.text().lstrip("\n")))
        elif part.content_type in _ORIGINAL_TYPES:
            originals.extend(child.fields for child in part.children)
        elif not inside and part.content_type.startswith("text/") and part.content_type not in _UNWANTED_TEXT and not _is_file(part):
            texts.append((part.content_type, part.text()[: TEXT_LIMIT * 2]))
        elif not inside and part.content_type.startswith("multipart/") and not part.children:
            texts.append(("text/plain", part.text()[: TEXT_LIMIT * 2]))
    # A forwarder may wrap a whole report in message/rfc822; a report that itself returns a report speaks for itself.
    return _own_words(texts), status or inner, feedback, originals


def _is_file(part: Part) -> bool:
    return part.get("content-disposition").lower().startswith("attachment")


def _own_words(texts: list[tuple[str, str]]) -> str:
    plain = "\n".join(text for kind, text in texts if kind != "text/html")
    rich = [text for kind, text in texts if kind == "text/html"]
    if len(plain.strip()) > 40 or not rich:
        return plain
    return plain + "\n".join(strip_html(text) for text in rich)


def strip_html(text: str) -> str:
    """The words of an HTML text, a line for each block; for reading only, never for showing."""
    text = _without_hidden(text[:TEXT_LIMIT])
    text = _TAG.sub(" ", _BREAK.sub("\n", text.replace("\n", " ")))
    return html.unescape(text).replace("\xa0", " ")


def _without_hidden(text: str) -> str:
    # Each closing tag is looked for once, so a thousand openings without one cost no more than a single opening.
    low = text.lower()
    if len(low) != len(text):
        low = text  # a few letters grow in lower case; places must agree
    pieces, at = [], 0
    for found in _HIDDEN.finditer(low):
        if found.start() < at:
            continue
        end = low.find(f"</{found.group(1)}", found.end())
        if end < 0:
            break
        pieces.append(text[at : found.start()])
        at = end
    return " ".join([*pieces, text[at:]])


def _cut_original(text: str) -> tuple[str, str]:
    for found in _ORIGINAL_STARTS.finditer(text):
        # A report may open with such words ("This is a copy ..."); what counts is that something was said before.
        if len(text[: found.start()].strip()) > 20:
            return text[: found.start()], text[found.start() :]
    return text, ""


def _original_fields(behind: str) -> Fields:
    best: Fields = ()
    for block in re.split(r"\n[ \t>]*\n", behind[:TEXT_LIMIT])[:4]:
        lines = [line[1:] if line[:1] == ">" else line for line in block.split("\n")]
        indent = min((len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()), default=0)
        fields = read_fields("\n".join(line[indent:] if line[:indent].strip() == "" else line for line in lines))
        if len(fields) > len(best):
            best = fields
    return best


def original_field(letter: Letter, name: str) -> str:
    """A field of the original that the letter gives back, or an empty string."""
    return next((value for fields in letter.originals if (value := first(fields, name))), "")


def own_addresses(letter: Letter) -> set[str]:
    """Addresses in the letter that are certainly not the failed recipient: who wrote it and whom it went to."""
    found: set[str] = set()
    for name in ("from", "to", "reply-to", "return-path", "delivered-to", "x-original-to", "cc"):
        found.update(address.lower() for address in addresses(letter.get(name)))
    for name in ("from", "return-path", "reply-to", "sender", "errors-to"):
        found.update(address.lower() for address in addresses(original_field(letter, name)))
    return found
