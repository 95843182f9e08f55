"""A letter as its author wrote it, and as it is kept after compiling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from posthouse.sending.content.problems import Problem

MARKETING = "marketing"
TRANSACTIONAL = "transactional"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What the author wrote. `kind` is html or mjml; an empty `text` is made from the HTML; all four parts may hold Liquid.

    `postal_address` is the sender's, as required in the footer of marketing mail (CAN-SPAM 5(a)(5), and elsewhere).
    `sample` is one contact's fields to try the letter with.
    """

    subject: str
    html: str
    text: str = ""
    preheader: str = ""
    kind: str = "html"
    stream: str = MARKETING
    sender_name: str = ""
    postal_address: str = ""
    fields: frozenset[str] = frozenset()
    sample: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A letter ready to be sent: final HTML and text, still with Liquid, in which `_l[n]` stands for link n and `_o` for the open pixel.

    `links` are the targets by number, `fields` the contact fields that are used, `html_bytes` the size of the HTML part.
    """

    subject: str
    html: str
    text: str
    links: tuple[str, ...]
    fields: tuple[str, ...]
    html_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {
            "subject": self.subject,
            "html": self.html,
            "text": self.text,
            "links": list(self.links),
            "fields": list(self.fields),
            "html_bytes": self.html_bytes,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Compiled:
        """Read what `to_json` wrote."""
        return cls(
            subject=stored["subject"],
            html=stored["html"],
            text=stored["text"],
            links=tuple(stored["links"]),
            fields=tuple(stored["fields"]),
            html_bytes=stored["html_bytes"],
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What compiling gave: a letter to send, or None where a problem forbids it; and all findings."""

    compiled: Compiled | None
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The findings that forbid sending."""
        return tuple(problem for problem in self.problems if problem.error)
