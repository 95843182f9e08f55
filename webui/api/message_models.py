"""What the interface takes and gives of single messages and of what happens to messages."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from posthouse.webui.api.models import Email, Input, Line, Output, Paging, Reason, Value


class NewMessage(Input):
    """A single (transactional) message."""

    to: Email
    from_address: Email = Field(description="At one of your verified domains.")
    from_name: Line = Field("", max_length=200)
    reply_to: Line = Field("", max_length=320)
    subject: Line = Field(min_length=1, max_length=500)
    kind: Literal["html", "mjml"] = "html"
    html: str = Field(min_length=1, max_length=2_000_000)
    text: str = Field("", max_length=500_000)
    fields: dict[str, Value] = Field({}, max_length=200, description="Values for the Liquid in subject and letter.")
    tags: list[Line] = Field([], max_length=10, description="Words by which you find the message again; recipients don’t see them.")
    metadata: dict[str, str] = Field({}, max_length=20, description="Values of your own that come back with the message.")


class NewMime(Input):
    """A whole message (RFC 5322) as your program wrote it."""

    raw: str = Field(min_length=1, max_length=2_000_000, description="The message: headers, an empty line, the body.")
    encoding: Literal["text", "base64"] = Field("text", description="How `raw` is written here; base64 carries any bytes.")
    to: list[Email] = Field([], max_length=100, description="Who gets a copy of their own; empty: To, Cc and Bcc of the message.")
    tags: list[Line] = Field([], max_length=10, description="Added to those of its X-Tag headers.")
    metadata: dict[str, str] = Field({}, max_length=20, description="Added to its X-Metadata-… headers.")
    track: list[Literal["opens", "clicks"]] | None = Field(None, description="What is counted in its HTML; in place of X-Track.")


class MimeCopy(Output):
    """One recipient’s copy."""

    to: str
    id: str
    repeated: bool = Field(description="The same message for this recipient was kept before; it is not sent twice.")


class AcceptedMime(Output):
    """The message is kept, and every copy will be sent."""

    messages: list[MimeCopy]
    removed_headers: list[str] = Field(description="Headers that were taken out, in small letters.")
    state: Literal["accepted"] = "accepted"


class Accepted(Output):
    """The message is kept and will be sent."""

    id: str
    state: Literal["accepted"] = "accepted"


class Message(Output):
    """A message and its outcome."""

    id: str
    to: str
    stream: str
    state: str
    reason: str
    why: Reason
    attempts: int
    created_at: datetime
    settled_at: datetime | None
    reply_code: int | None
    reply_text: str | None
    tags: list[str]
    metadata: dict[str, str]


class MessagesQuery(Paging):
    """Which messages."""

    tag: str | None = Field(None, min_length=1, max_length=64, description="Those that bear this tag.")
    campaign_id: str | None = Field(None, max_length=40, description="Those of this campaign.")
    contact_id: str | None = Field(None, max_length=40, description="Those to this contact.")


class MessageLine(Output):
    """A message in a list; ask for it by its id to read why it is where it is."""

    id: str
    to: str
    stream: str
    state: str
    reason: str
    campaign_id: str | None
    contact_id: str | None
    created_at: datetime
    settled_at: datetime | None
    bounced_at: datetime | None
    complained_at: datetime | None
    tags: list[str]
    metadata: dict[str, str]


class Messages(Output):
    """Messages, newest first."""

    data: list[MessageLine]
    next_cursor: str | None


class Event(Output):
    """Something that happened to a message."""

    id: str
    message_id: str
    kind: str = Field(description="What happened, such as sent, deferred, bounced, opened; more may be added.")
    at: datetime
    code: int | None = Field(description="The mail server’s reply code, where one answered.")
    text: str
    tags: list[str] = Field(description="Those of the message.")
    metadata: dict[str, str] = Field(description="Those of the message.")


class Events(Output):
    """Events, oldest first; `next_cursor` is always there, so that you can ask again from it."""

    data: list[Event]
    next_cursor: str
