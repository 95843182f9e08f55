"""A receiver on the loopback, and settings that let webhooks go there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from receiver import Receiver

from posthouse.platform.db import transaction
from posthouse.webui.webhooks import services


@pytest.fixture
def settings(settings):
    return replace(settings, webhook_private_addresses=True)


@pytest.fixture
def receiver():
    running = Receiver()
    yield running
    running.close()


@pytest.fixture
def endpoint(world, receiver):
    """An endpoint of tenant a1 at the receiver: its id and secret."""
    with transaction(world.a1.scope):
        return services.create_endpoint(world.a1.scope, url=receiver.url, kinds=["domain.verified", "import.finished"])
