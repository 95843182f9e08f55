"""The service does not start on a certificate that does not serve, and says which setting names it."""

from __future__ import annotations

import shutil

import pytest

from posthouse.inbound.listener.server import Door, Listener
from posthouse.platform.settings import WrongSetting


@pytest.mark.parametrize("fault", ["missing", "garbage", "another's key"])
def test_a_certificate_that_does_not_serve(tmp_path, certificate, fault):
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    if fault != "missing":
        shutil.copyfile(certificate[0], chain)
    shutil.copyfile(certificate[1], key)
    if fault == "garbage":
        chain.write_text("no certificate")
    if fault == "another's key":
        key.write_text(certificate[0].read_text())
    door = Door("127.0.0.1", 0, "mx.mail.example", frozenset(), tmp_path / "spool", chain, key)
    with pytest.raises(WrongSetting, match=r"POSTHOUSE_INBOUND_CERTIFICATE.* does not serve"):
        Listener(door, is_genuine=lambda _: False)
