"""Public ids in addresses: `<pid("cmp"):campaign_id>` gives the row's number; anything else is simply not there."""

from __future__ import annotations

from werkzeug.routing import BaseConverter, Map

from posthouse.platform import ids
from posthouse.platform.errors import Missing

NOBODY = 0


class PublicId(BaseConverter):
    """Reads and writes a prefixed id."""

    regex = r"[a-z]{2,4}_[0-9a-z]{13}"

    def __init__(self, url_map: Map, prefix: str) -> None:
        super().__init__(url_map)
        self.prefix = prefix

    def to_python(self, value: str) -> int:
        """Return the row's number; 0, which no row has, for one that we never gave out.

        A ValidationError would make some methods of the same address answer 405 instead of 404.
        """
        try:
            return ids.decode(self.prefix, value)
        except Missing:
            return NOBODY

    def to_url(self, value: int) -> str:
        """Return the public form."""
        return ids.encode(self.prefix, value)
