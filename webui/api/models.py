"""What the interface takes and gives. Unknown fields are refused; fields that only we set stand in no input model."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from posthouse.sending.delivery.why import Why

Value = str | int | float | bool | None
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$")]  # goes into a mail header: line breaks are refused, not dropped
Name = Annotated[Line, Field(min_length=1, max_length=120)]
Email = Annotated[str, Field(min_length=3, max_length=320, description="One plain e-mail address.")]


class Input(BaseModel):
    """Base of what is taken."""

    model_config = ConfigDict(extra="forbid", str_max_length=2_000_000)


class Output(BaseModel):
    """Base of what is given."""

    model_config = ConfigDict(extra="forbid")


class ProblemError(Output):
    """One wrong part of a request."""

    pointer: str = Field(description="JSON pointer (RFC 6901) to the wrong part.")
    code: str
    detail: str


class Problem(BaseModel):
    """A refusal (RFC 9457). `code` is stable, `detail` is for people and says what to do."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: list[ProblemError] = []


class Paging(Input):
    """Where a page begins and how long it is."""

    limit: int = Field(50, ge=1, le=200, description="How many at once.")
    cursor: str | None = Field(None, max_length=500, description="`next_cursor` of the page before.")


class ContactsQuery(Paging):
    """Which contacts."""

    email: str | None = Field(None, max_length=320, description="Addresses that begin so.")
    list_id: str | None = Field(None, max_length=40, description="Those who are or were on this list.")


class NewContact(Input):
    """A contact to keep."""

    email: Email
    fields: dict[str, Value] = Field({}, max_length=200, description="Values by the keys of your fields.")
    list_ids: list[str] = Field([], max_length=50, description="Lists to subscribe to.")


class ContactChange(Input):
    """What to change; what is left out stays. A field's `null` takes its value away."""

    email: Email | None = None
    fields: dict[str, Value] = Field({}, max_length=200)


class Contact(Output):
    """A contact."""

    id: str
    email: str
    fields: dict[str, Any]
    source: str
    created_at: datetime
    updated_at: datetime


class Contacts(Output):
    """A page of contacts."""

    data: list[Contact]
    next_cursor: str | None


class NewList(Input):
    """A list to make."""

    name: str = Field(min_length=1, max_length=200)
    description: str = Field("", max_length=2000)


class List(Output):
    """A list."""

    id: str
    name: str
    description: str
    created_at: datetime


class Lists(Output):
    """All lists, in one page."""

    data: list[List]
    next_cursor: str | None = Field(default=None, description="Always null as yet; follow it all the same.")


class ListState(Output):
    """A list with its subscriptions by state."""

    id: str
    name: str
    description: str
    created_at: datetime
    subscriptions: dict[str, int]


class Subscription(Output):
    """A contact's place on a list."""

    contact_id: str
    list_id: str
    state: str


class NewCampaign(Input):
    """A campaign to write."""

    name: Name
    list_id: str = Field(max_length=40)
    from_address: Email = Field(description="At one of your verified domains.")
    from_name: Line = Field("", max_length=200)
    reply_to: Line = Field("", max_length=320)
    subject: Line = Field(min_length=1, max_length=500)
    preheader: Line = Field("", max_length=500)
    kind: Literal["html", "mjml"] = "html"
    html: str = Field(min_length=1, max_length=2_000_000, description="The letter, with Liquid for personal parts.")
    text: str = Field("", max_length=500_000, description="Empty: made from the letter.")


class Campaign(Output):
    """A campaign."""

    id: str
    name: str
    state: str
    state_reason: str
    resumes_at: datetime | None = Field(description="When a binding limit ends.")
    list_id: str | None
    subject: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Campaigns(Output):
    """A page of campaigns, newest first."""

    data: list[Campaign]
    next_cursor: str | None


class Link(Output):
    """A link and its clicks."""

    number: int
    target: str
    clicks: int
    machine_clicks: int


class Reason(Output):
    """Why a message or a campaign is where it is: a stable code, a sentence, what to do, and when it goes on."""

    code: str
    sentence: str
    advice: str
    until: datetime | None


def reason_of(why: Why) -> Reason:
    """Put an explanation into the form of answers."""
    return Reason(code=why.code, sentence=why.sentence, advice=why.advice, until=why.until)


class Hold(Output):
    """A stretch in which a limit holds everything: month, day, hour, provider (one above the account) or warmup."""

    limit: str
    since: datetime
    until: datetime


class Outlook(Output):
    """A forecast from quotas, limits, warm-up and other senders."""

    done_at: datetime | None = Field(description="Null: the limits allow too little for it to end within 400 days.")
    waits: list[Hold] = Field(description="Stretches in which a limit holds everything.")
    late: int = Field(description="So few may miss the window before the last wait, or not: all the others have left when it begins.")


class Report(Output):
    """What became of a campaign. `totals` by outcome; `waiting` have none yet, `in_flight` of them are being sent."""

    campaign_id: str
    state: str
    state_reason: str
    resumes_at: datetime | None
    totals: dict[str, int]
    waiting: int
    in_flight: int
    course: list[Reason] = Field(description="What holds it or sets its pace at this moment; empty where nothing does.")
    forecast: Outlook | None = Field(description="Null where nobody waits, or where nothing is known of the pace yet.")
    links: list[Link]


class RecipientsQuery(Paging):
    """Which recipients."""

    outcome: Literal["failed", "expired", "unknown"] | None = Field(None, description="Those alone with this outcome.")


class Recipient(Output):
    """What became of one recipient, and why."""

    contact_id: str
    message_id: str | None
    email: str
    state: str
    reason: str
    why: Reason | None = Field(description="In words, unless the message simply arrived; null too for keys that may not read messages.")
    opened: bool
    clicked: bool
    unsubscribed: bool
    bounced: bool = Field(description="Taken at first, and returned later.")
    complained: bool


class Recipients(Output):
    """A page of recipients."""

    data: list[Recipient]
    next_cursor: str | None


class Domain(Output):
    """A sending domain."""

    id: str
    domain: str
    state: str


class Domains(Output):
    """All sending domains, in one page."""

    data: list[Domain]
    next_cursor: str | None = Field(default=None, description="Always null as yet; follow it all the same.")
