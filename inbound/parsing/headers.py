"""Read header fields without ever failing: unfolding, encoded words, parameters, addresses."""

import binascii
import quopri
import re

HEADER_LIMIT = 2_000  # fields a part may have; real mail has below 150
VALUE_LIMIT = 16_384  # characters of one field that are kept; RFC 5322 2.1.1 lines are 998 long, References grow

Fields = tuple[tuple[str, str], ...]

_FIELD = re.compile(r"^([!-9;-~]{1,128})[ \t]*:[ \t]*(.*)$", re.DOTALL)
_WORD = re.compile(r"=\?([\w.:+-]{1,64}?)(?:\*[\w-]{1,32})?\?([bBqQ])\?([^?\s]{0,8192}|[^?]{0,8192})\?=")
_BETWEEN_WORDS = re.compile(r"\?=\s+=\?")
_PARAMETER = re.compile(r";\s*([\w!#$%&'*+.^`{|}~-]{1,64})\s*=\s*(?:\"((?:[^\"\\]|\\.){0,2000})\"|([^;\s]{0,2000}))")
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"'|@]{1,128}@[^\s<>()\[\],;:\"'@|]{1,255}")
_QUOTED_ADDRESS = re.compile(r"\"(?:[^\"\\\r\n]|\\.){1,128}\"@[A-Za-z0-9.-]{1,255}")


def read_fields(block: str) -> Fields:
    """Split a header block (lines ended by LF) into name and value pairs, names in lower case, values unfolded.

    A line that is no field and continues none is passed over: gateways leave such behind (RFC 5322 2.2 forbids it).
    """
    fields: list[tuple[str, str]] = []
    name, parts = "", [""]
    for line in block.split("\n"):
        if line[:1] in (" ", "\t") and name:
            parts.append(line.strip())
            continue
        found = _FIELD.match(line)
        if found is None:
            continue
        if name:
            fields.append((name, " ".join(parts).strip()[:VALUE_LIMIT]))
        if len(fields) >= HEADER_LIMIT:
            return tuple(fields)
        name, parts = found.group(1).lower(), [found.group(2)]
    if name:
        fields.append((name, " ".join(parts).strip()[:VALUE_LIMIT]))
    return tuple(fields)


def first(fields: Fields, name: str) -> str:
    """The first value of a field, or an empty string."""
    for key, value in fields:
        if key == name:
            return value
    return ""


def every(fields: Fields, name: str) -> list[str]:
    """All values of a field."""
    return [value for key, value in fields if key == name]


def parameters(value: str) -> dict[str, str]:
    """The parameters of a structured field such as Content-Type; of RFC 2231 forms only the plain continuation is joined."""
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(value[:VALUE_LIMIT]):
        name = match.group(1).lower().rstrip("*").split("*")[0]
        text = match.group(2) if match.group(2) is not None else (match.group(3) or "")
        if match.group(2) is not None:
            text = re.sub(r"\\(.)", r"\1", text)
        found[name] = found.get(name, "") + text if "*" in match.group(1) else found.get(name, text)
    return found


def decode_words(value: str) -> str:
    """Decode RFC 2047 encoded words; what cannot be decoded stays as it is."""
    if "=?" not in value:
        return value
    return _WORD.sub(_decode_word, _BETWEEN_WORDS.sub("?==?", value))


def _decode_word(found: re.Match[str]) -> str:
    charset, encoding, text = found.groups()
    data = text.encode("ascii", "replace")
    try:
        raw = binascii.a2b_base64(data + b"===") if encoding in "bB" else quopri.decodestring(data, header=True)
    except (binascii.Error, ValueError):
        return found.group(0)
    return decode(raw, charset)


def decode(data: bytes, charset: str) -> str:
    """Bytes as text in a charset that a stranger names; unknown or unfit ones fall back to UTF-8, then Latin-1."""
    for name in (charset.strip().lower() or "utf-8", "utf-8"):
        if name in ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "utf-7", "rot13", "rot_13"):
            continue
        try:
            return data.decode(name)
        except (LookupError, ValueError):
            continue
    return data.decode("latin-1")


def addresses(value: str) -> list[str]:
    """Every mail address in a text, in order, without duplicates."""
    if "@" not in value:
        return []
    found = [match.group(0) for match in _QUOTED_ADDRESS.finditer(value)] if '"@' in value else []
    found += [match.group(0) for match in _ADDRESS.finditer(value)]
    return list(dict.fromkeys(filter(None, map(_trim, found))))


def _trim(address: str) -> str:
    address = address.strip(".'`*!/\\" if address.startswith("=?") else ".'`*!?=/\\").removeprefix("mailto:").removeprefix("rfc822;")
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.rstrip('.-_')}" if local and domain.rstrip(".-_") else ""
