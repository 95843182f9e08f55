"""The demonstration's programs hand in mail under TLS: its certificate is for this machine, and a client that knows it takes it."""

from __future__ import annotations

import ssl
import stat

from cryptography import x509

from posthouse.webui.demo.certificate import HOST, write_certificate


def test_it_is_for_this_machine_and_its_owner_alone(tmp_path):
    path = tmp_path / "submission.pem"
    write_certificate(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    names = x509.load_pem_x509_certificate(path.read_bytes()).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [HOST]
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(path)


def test_the_second_time_it_stays(tmp_path):
    path = tmp_path / "submission.pem"
    write_certificate(path)
    first = path.read_bytes()
    write_certificate(path)
    assert path.read_bytes() == first
