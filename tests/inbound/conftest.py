"""What the tests of the inbound room share."""

from pathlib import Path

import pytest
from certificates import make_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for mx.mail.example and its key, made for this run."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))
