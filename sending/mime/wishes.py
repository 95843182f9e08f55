"""What a program asks of us by headers: tags, metadata and tracking. They are taken out before the message leaves. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header, make_header

from posthouse.platform.errors import Invalid
from posthouse.sending.mime.reading import Field
from posthouse.sending.mime.refusals import MimeRefused

MOST_TAGS = 10
MOST_TAG_CHARACTERS = 64
MOST_METADATA = 20
MOST_VALUE_CHARACTERS = 500
TRACKS = ("opens", "clicks")
_METADATA = "x-metadata-"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Labels:
    """What a program writes on a message for itself; nothing is decided by it and no recipient sees it."""

    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.tags or self.metadata)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the headers asked for."""

    labels: Labels = Labels()
    track: frozenset[str] = frozenset()


def labels_of(tags: Iterable[str], metadata: Mapping[str, str]) -> Labels:
    """Check tags and metadata; the same tag twice is once. Raises: Invalid."""
    wanted = tuple(dict.fromkeys(tags))
    if len(wanted) > MOST_TAGS:
        raise Invalid("tags_too_many", f"A message has at most {MOST_TAGS} tags.", field="tags")
    for tag in wanted:
        if not 0 < len(tag) <= MOST_TAG_CHARACTERS or not tag.isprintable() or "," in tag:
            raise Invalid("tag_malformed", f"A tag has 1 to {MOST_TAG_CHARACTERS} printable characters and no comma.", field="tags")
    if len(metadata) > MOST_METADATA:
        raise Invalid("metadata_too_many", f"A message has at most {MOST_METADATA} metadata.", field="metadata")
    for name, value in metadata.items():
        if not _NAME.fullmatch(name):
            sentence = "A metadata name has 1 to 40 small letters, digits, “-” and “_”."
            raise Invalid("metadata_malformed", sentence, field="metadata")
        if len(value) > MOST_VALUE_CHARACTERS or not value.isprintable():
            sentence = f"“{name}” has more than {MOST_VALUE_CHARACTERS} characters, or some that can't be printed."
            raise Invalid("metadata_malformed", sentence, field="metadata")
    return Labels(wanted, dict(metadata))


def read(fields: Sequence[Field]) -> Wishes:
    """Read `X-Tag` (may be repeated, or hold several with commas), `X-Metadata-NAME` and `X-Track`. Raises: Invalid, MimeRefused."""
    tags: list[str] = []
    metadata: dict[str, str] = {}
    track: set[str] = set()
    for one in fields:
        if one.key == "x-tag":
            tags += [tag.strip() for tag in plain(one).split(",") if tag.strip()]
        elif one.key == "x-track":
            track |= _tracks(plain(one))
        elif one.key.startswith(_METADATA):
            metadata[one.key.removeprefix(_METADATA)] = plain(one)
    return Wishes(labels_of(tags, metadata), frozenset(track))


def tracks(names: Iterable[str]) -> frozenset[str]:
    """Check what is to be tracked. Raises: MimeRefused."""
    return frozenset(_tracks(",".join(names)))


def _tracks(text: str) -> set[str]:
    names = {name for name in re.split(r"[,\s]+", text.lower()) if name}
    if names - {*TRACKS, "none"}:
        raise MimeRefused("track_unknown", "X-Track holds “opens”, “clicks”, both, or “none”.", "track")
    return names - {"none"}


def plain(one: Field) -> str:
    """Return a header's value as text: unfolded, encoded words (RFC 2047) read."""
    text = " ".join(one.value.decode("utf-8", "replace").split())
    if "=?" not in text:
        return text
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, ValueError):
        return text
