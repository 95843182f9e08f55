"""Why a message that came ready-made can't be taken. Pure."""

from __future__ import annotations


class MimeRefused(Exception):
    """The message can't be sent as it is; `code` is stable, `sentence` says what to do, `field` names the header to blame."""

    def __init__(self, code: str, sentence: str, field: str = "raw") -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.field = field
