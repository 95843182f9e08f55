"""The interface over real HTTP: one web process a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from street import Street, open_street


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    with open_street(tmp_path_factory.mktemp("street"), allow_reserved_domains=True) as opened:
        yield opened
