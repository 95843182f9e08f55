"""The interface keeps what its description promises: made-up requests to every operation, the same ones at each run.

No request may end in a server's error; status, content type and body of each answer are among those described; what the
description forbids is refused, and what it allows is not called malformed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import schemathesis
from databases import fresh
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from program import issue_key
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from shops import Shop, make_shop
from world import peopled

from posthouse.platform import ids
from posthouse.platform.app import create_core
from posthouse.webui.app import create_app

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    allow_header_conformance,
]
MOST = settings(
    max_examples=8,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Described:
    """The application with its description, a key, and ids of things that are there."""

    app: Flask
    operations: list[APIOperation]
    key: str
    known: dict[str, str]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Described]:
    template, world = peopled()
    with fresh(tmp_path_factory.mktemp("schema"), template=template) as made:
        core = create_core(made, process="command")
        with core.app_context():
            shop = make_shop(world.a1.scope, name="tea")
            campaign = shop.campaign()
            app = create_app(replace(made, public_url="http://localhost", api_requests_per_minute=1_000_000))
            loaded = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
            operations = [found.ok() for found in loaded.get_all_operations()]
            yield Described(app, operations, issue_key(app, world.a1)[1], _known(shop, campaign.id))
            for one in (core, app):
                with one.app_context():
                    for engine in one.extensions["sqlalchemy"].engines.values():
                        engine.dispose()


def _known(shop: Shop, campaign_id: int) -> dict[str, str]:
    return {
        "contact_id": ids.encode("con", shop.contact_ids[0]),
        "list_id": ids.encode("lst", shop.list_id),
        "campaign_id": ids.encode("cmp", campaign_id),
    }


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["allowed", "forbidden"])
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_every_answer_is_a_described_one(described: Described, mode: GenerationMode, known: bool) -> None:
    """With ids of things that are there, and with made-up ones."""
    faults: list[str] = []
    for operation in described.operations:
        try:
            _try(described, operation, mode, described.known if known else {})
        except BaseExceptionGroup as found:
            faults.append(f"{operation.label}: {found.exceptions}")
        except AssertionError as found:
            faults.append(f"{operation.label}: {found}")
    assert not faults, "\n\n".join(faults)


def _try(described: Described, operation: APIOperation, mode: GenerationMode, known: dict[str, str]) -> None:
    @MOST
    @given(case=operation.as_strategy(generation_mode=mode))
    def tried(case: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {described.key}"}
        for name in known.keys() & (case.path_parameters or {}).keys():
            case.path_parameters[name] = known[name]
        case.call_and_validate(checks=CHECKS)

    tried()
