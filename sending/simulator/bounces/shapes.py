"""The shapes by name, as scenarios call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from posthouse.sending.simulator.bounces import homegrown, hosted, standard
from posthouse.sending.simulator.bounces.case import BounceCase

SHAPES: Mapping[str, Callable[[BounceCase], bytes]] = {
    "postfix": standard.postfix,
    "sendmail": standard.sendmail,
    "exchange": hosted.exchange,
    "google": hosted.google,
    "courier": standard.courier,
    "qmail": homegrown.qmail,
    "exim": homegrown.exim,
    "yahoo": homegrown.yahoo,
    "domino": homegrown.domino,
    "gateway": homegrown.gateway,
}


def write(shape: str, case: BounceCase) -> bytes:
    """Return the report in a shape; Postfix's where the shape is unknown, as a magic address may ask for any."""
    return SHAPES.get(shape, standard.postfix)(case)
