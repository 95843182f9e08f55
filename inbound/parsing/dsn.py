"""Read delivery status notifications (RFC 3464, RFC 6533), as strictly as the world allows: hardly."""

import re
from dataclasses import dataclass

from posthouse.inbound.parsing.headers import Fields, addresses, first, read_fields

RECIPIENT_LIMIT = 2_000  # of one report; a message of ours has one recipient

_OF_RECIPIENT = ("final-recipient", "original-recipient", "x-actual-recipient")
_ESCAPE = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_STATUS = re.compile(r"([245])\s*\.\s*(\d{1,3})\s*\.\s*(\d{1,3})")
_COMMENT = re.compile(r"\([^()]{0,500}\)")
_ACTIONS = {"fail": "failed", "delay": "delayed", "deliver": "delivered", "relay": "relayed", "expan": "expanded", "deferr": "delayed"}


@dataclass(frozen=True, slots=True)
class RecipientBlock:
    """What a report's fields say of one recipient; empty strings where a field is missing. `category` is PowerMTA's own verdict."""

    recipient: str
    alternative: str
    action: str
    status: str
    diagnostic: str
    diagnostic_type: str
    remote: str
    category: str = ""


def read_blocks(text: str) -> list[RecipientBlock]:
    """The recipients' blocks of a delivery-status part. Blank lines between fields, or none between blocks, are forgiven."""
    blocks: list[dict[str, str]] = []
    current: dict[str, str] = {}
    for fields in map(read_fields, re.split(r"\n[ \t]*\n", text)):
        starts = bool(fields) and any(first(fields, name) for name in _OF_RECIPIENT)
        current = _take(fields, blocks, {} if starts and _names_recipient(current) else current)
        if len(blocks) > RECIPIENT_LIMIT:
            break
    return [_block(block) for block in blocks[:RECIPIENT_LIMIT]]


def _take(fields: Fields, blocks: list[dict[str, str]], current: dict[str, str]) -> dict[str, str]:
    for name, value in fields:
        if name in ("final-recipient", "original-recipient", "action", "status") and name in current and value:
            current = {}
        if name in (*_OF_RECIPIENT, "action", "status") and not any(current is block for block in blocks[-1:]):
            blocks.append(current)
        # A report that repeats a field in one block means the first (Diagnostic-Code of several tries: the longest).
        if name not in current or (name == "diagnostic-code" and len(value) > len(current[name])):
            current[name] = value
    return current


def _names_recipient(block: dict[str, str]) -> bool:
    return any(block.get(name) for name in _OF_RECIPIENT)


def _block(fields: dict[str, str]) -> RecipientBlock:
    final = address_of(fields.get("final-recipient", ""))
    original = _plain(address_of(fields.get("original-recipient", "")))
    actual = address_of(fields.get("x-actual-recipient", ""))
    kind, diagnostic = _typed(fields.get("diagnostic-code", ""))
    best = final if "@" in final[1:] else original or actual or final
    return RecipientBlock(
        recipient=best,
        alternative=original if original != best else actual,
        action=action_of(fields.get("action", "")),
        status=status_of(fields.get("status", "")),
        diagnostic=diagnostic,
        diagnostic_type=kind,
        remote=_typed(fields.get("remote-mta", ""))[1],
        category=fields.get("x-powermta-bouncecategory", "").strip().lower(),
    )


def _plain(address: str) -> str:
    # RFC 3461 4.2: of printable letters only these two must be encoded in ORCPT, and some systems give it back undecoded.
    return address.replace("+2B", "+").replace("+3D", "=")


def _typed(value: str) -> tuple[str, str]:
    kind, mark, rest = value.partition(";")
    return (kind.strip().lower(), rest.strip()) if mark and len(kind) < 24 and " " not in kind.strip() else ("", value.strip())


def address_of(value: str) -> str:
    """The address in a recipient field: with or without its type, in brackets, with a name, in RFC 6533's encoding."""
    kind, rest = _typed(value)
    if kind == "utf-8" or "\\x{" in rest:
        rest = _ESCAPE.sub(_unescape, rest)
    found = addresses(rest)
    if found:
        return found[0]
    bare = _COMMENT.sub("", rest).strip().strip("<>\"'").strip()
    return bare if bare and bare[0] != "@" and " " not in bare and len(bare) <= 320 else ""


def _unescape(found: re.Match[str]) -> str:
    point = int(found.group(1), 16)
    return chr(point) if 0x20 <= point <= 0x10FFFF and not 0xD800 <= point <= 0xDFFF else ""


def status_of(value: str) -> str:
    """The enhanced code in a Status field, with comments and spaces passed over; empty when there is none."""
    found = _STATUS.search(value)
    return ".".join(str(int(part)) for part in found.groups()) if found else ""


def action_of(value: str) -> str:
    """The word of RFC 3464 2.3.3 that an Action field means; empty when it means none."""
    word = _COMMENT.sub("", value).strip().lower()
    return next((action for start, action in _ACTIONS.items() if word.startswith(start)), "")
