"""What a claim leaves behind: who waits for what, and what is said of it at the campaigns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from posthouse.platform.scope import Scope
from posthouse.sending.campaigns.services import note_sending, note_waiting
from posthouse.sending.delivery.turns import Hold
from posthouse.sending.rates.room import Room, put_off
from posthouse.sending.warmup import services as warmup
from posthouse.sending.warmup.services import Sharing
from posthouse.tenants.quotas.rules import Binding, Layer

WARM_UP = "The servers that send it are new and have sent today what they may."


def without_waiting(scope: Scope, sharing: Sharing, fit: list[Any]) -> list[Any]:
    """Put off until tomorrow what only routes could send that have sent their stage today, and say so at campaigns that wait whole."""
    if not sharing.waiting or sharing.until is None:
        return fit
    gone = {row.id for row in sharing.waiting}
    going = [row for row in fit if row.id not in gone]
    warmup.put_off(scope, sharing, all_wait=not going)
    whole = {row.campaign_id for row in sharing.waiting if row.campaign_id is not None} - {row.campaign_id for row in going}
    if whole:
        note_waiting(scope, campaign_ids=sorted(whole), reason=WARM_UP, resumes_at=sharing.until)
    return going


def room_hold(room: Room) -> Hold | None:
    return Hold(f"rate:{room.wait.by}", room.wait.until) if room.wait is not None else None


def without_held(scope: Scope, room: Room, fit: list[Any], groups: Mapping[str, str]) -> list[Any]:
    """Put off what is for providers whose recipients have to wait, each to a time of its own."""
    if not room.groups:
        return fit
    held: dict[str, list[int]] = {}
    for row in fit:
        if (group := groups[row.domain]) in room.groups:
            held.setdefault(group, []).append(row.id)
    for group, ids in held.items():
        put_off(scope, group=group, wait=room.groups[group], message_ids=ids)
    return [row for row in fit if groups[row.domain] not in held]


def quota_hold(binding: Binding) -> Hold:
    return Hold(f"{binding.layer}:{binding.period}", binding.resumes_at)


def tell_campaigns(scope: Scope, held: Sequence[int], taken: Sequence[Any], left: Sequence[Any], binding: Binding | None) -> None:
    """Show at the campaigns that a limit binds, which and until when, or that it does so no more."""
    waiting = {row.campaign_id for row in left if row.campaign_id is not None}
    going = {row.campaign_id for row in taken if row.campaign_id in held} - waiting
    if going:
        note_sending(scope, campaign_ids=sorted(going))
    if waiting and binding is not None:
        note_waiting(scope, campaign_ids=sorted(waiting), reason=sentence(binding), resumes_at=binding.resumes_at)


def sentence(binding: Binding) -> str:
    """Say which limit binds, in words that name nobody above the tenant."""
    spell = {"month": "this month", "day": "today", "hour": "this hour"}[binding.period]
    if binding.layer is Layer.TENANT:
        return f"Your allowance of {binding.allowed:,} messages for {spell} is used up."
    return f"Your provider's sending limit for {spell} is reached."
