"""What happens in sending, told to whom it may concern. Ids only."""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.platform.events import Event


@dataclass(frozen=True)
class DomainVerified(Event):
    """A sending domain's records were found in DNS for the first time, or again."""

    domain_id: int


@dataclass(frozen=True)
class DomainLost(Event):
    """A sending domain's records were gone for 72 hours; nothing is sent from it any more."""

    domain_id: int


@dataclass(frozen=True)
class CampaignStarted(Event):
    """A campaign was started."""

    campaign_id: int


@dataclass(frozen=True)
class CampaignPaused(Event):
    """A campaign was paused by a person."""

    campaign_id: int


@dataclass(frozen=True)
class CampaignStopped(Event):
    """A campaign was stopped for good."""

    campaign_id: int


@dataclass(frozen=True)
class CampaignFinished(Event):
    """Every message of a campaign has its outcome."""

    campaign_id: int


@dataclass(frozen=True)
class MessageOpened(Event):
    """A person opened a message for the first time."""

    message_id: int


@dataclass(frozen=True)
class MessageClicked(Event):
    """A person clicked a link of a message for the first time."""

    message_id: int
    link: int


@dataclass(frozen=True)
class StandingChanged(Event):
    """A tenant's bounces or complaints changed what it may send on a stream. Grades: well, warned, slowed, held, suspended.

    `measure` is what brought it about, `events` of `sent` messages; empty where it is well again.
    """

    stream: str
    before: str
    grade: str
    measure: str = ""
    events: int = 0
    sent: int = 0
