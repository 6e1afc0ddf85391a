"""What the setup page's server has to give: certificates, never a key."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from weir.cli.setup.page import About
from weir.cli.setup.site import answers, read_ca
from weir.tls.ca import CaFiles, ensure_ca


@pytest.fixture
def files(tmp_path: Path) -> CaFiles:
    return ensure_ca(tmp_path)


# certifi still has a root whose serial number is zero; what cryptography says of it is not about weir.
@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
def test_all_that_is_answered_holds_no_key(files: CaFiles) -> None:
    ca = read_ca(files.key)  # the file with the key in it, by mistake
    about = About(ca.name, ca.fingerprint, datetime(2031, 1, 1, tzinfo=UTC), "http://w:1", "http://s:1", "all:")
    made = answers(ca, about, "function FindProxyForURL() {}")
    assert set(made) == {
        "/", "/weir-ca.pem", "/weir-ca.cer", "/weir-ca.mobileconfig", "/weir-roots.pem", "/proxy.pac", "/wpad.dat"
    }  # fmt: skip
    secret = files.key.read_text().split("-----")[2].split()
    for reply in made.values():
        assert reply.status == 200 and b"PRIVATE" not in reply.body
        assert not any(line.encode() in reply.body for line in secret)
    assert x509.load_pem_x509_certificates(made["/weir-ca.pem"].body) == [files.certificate]
    assert x509.load_der_x509_certificate(made["/weir-ca.cer"].body) == files.certificate
    roots = x509.load_pem_x509_certificates(made["/weir-roots.pem"].body)
    assert roots[-1] == files.certificate and len(roots) > 100
    assert ca.fingerprint == files.fingerprint


def test_the_page_alone_is_a_document(files: CaFiles) -> None:
    ca = read_ca(files.pem)
    about = About(ca.name, ca.fingerprint, datetime(2031, 1, 1, tzinfo=UTC), "http://w:1", "http://s:1", "all:")
    made = answers(ca, about, "")
    assert [path for path, reply in made.items() if reply.kind.startswith("text/html")] == ["/"]
    assert "content-security-policy" in dict(made["/"].more)


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "x"])
def test_what_is_no_ca_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.pem"
    path.write_text(text)
    with pytest.raises(ValueError, match="no certificate of a CA"):
        read_ca(path)
    with pytest.raises(ValueError, match="cannot be read"):
        read_ca(tmp_path / "none.pem")
