"""What the interface gives of people's answers."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from posthouse.webui.api.models import Output, Paging


class ThreadsQuery(Paging):
    """Which threads; a contact's are all listed, open or done."""

    done: bool = Field(default=False, description="Those that are done, in place of the open ones.")
    contact_id: str | None = Field(None, max_length=40, description="Those with this contact, open or done.")


class Thread(Output):
    """What people answered to one message."""

    id: str
    state: Literal["open", "done"]
    message_id: str
    contact_id: str | None
    author: str = Field(description="Who wrote last, as they wrote it; anybody may write any name there.")
    subject: str = Field(description="Of the last answer.")
    answers: int
    unread: bool = Field(description="Nobody has looked at it in the web pages since the last answer.")
    last_at: datetime
    done_at: datetime | None
    not_forwarded: str = Field(description="Why the last answer was not forwarded; empty when it was, or none was to be.")


class ThreadState(Output):
    """Whether a thread is done."""

    id: str
    state: Literal["open", "done"]


class Threads(Output):
    """Threads, the latest answer first."""

    data: list[Thread]
    next_cursor: str | None


class Answer(Output):
    """One answer; what strangers write is text, never HTML."""

    id: str
    at: datetime
    author: str
    address: str = Field(description="Where an answer to them goes; empty when they name none.")
    subject: str
    text: str
    attachments: int = Field(description="How many files came with it.")


class WholeAnswer(Answer):
    """One answer as it came."""

    raw: str = Field(description="The message (RFC 5322) in base64, with all its parts; empty once its person was erased.")


class WholeThread(Thread):
    """A thread with the words of its last 50 answers, oldest first."""

    data: list[Answer]
