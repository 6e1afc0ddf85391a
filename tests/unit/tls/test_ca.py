"""The CA and its leaves: made once, private, accepted by strict verifiers."""

from __future__ import annotations

import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from weir.datadir import DataDirError
from weir.tls import ca as module
from weir.tls.ca import EXPORT_FORMATS, Authority, CaError, CaFiles, Leaf, ensure_ca

PKCS8 = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> CaFiles:
    return ensure_ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def authority(files: CaFiles) -> Authority:
    return Authority(files)


def handshake(tmp_path: Path, roots: str, leaf: Leaf, name: str, chain: tuple[x509.Certificate, ...] = ()) -> None:
    """A TLS handshake in memory, the client as strict as Python 3.13 is by default."""
    pem = tmp_path / "server.pem"
    certificates = b"".join(cert.public_bytes(Encoding.PEM) for cert in (leaf.cert, *chain))
    pem.write_bytes(leaf.key.private_bytes(*PKCS8) + certificates)
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(pem)
    client_context = ssl.create_default_context(cadata=roots)
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    done: set[int] = set()
    for _ in range(10):
        for number, end in enumerate((client, server)):
            try:
                end.do_handshake()
                done.add(number)
            except ssl.SSLWantReadError:
                continue
    assert done == {0, 1}


def test_the_ca_is_made_once_and_private(tmp_path: Path) -> None:
    first = ensure_ca(tmp_path)
    assert stat.S_IMODE(first.key.stat().st_mode) == 0o600
    assert ensure_ca(tmp_path) == first
    assert first.pem.read_bytes() == first.export("pem")
    assert first.der.read_bytes() == first.export("der")
    assert b"PRIVATE" not in first.pem.read_bytes()
    first.pem.unlink()
    first.der.write_bytes(b"spoilt")
    assert ensure_ca(tmp_path).der.read_bytes() == first.export("der")
    assert first.pem.exists()


def test_starts_at_once_agree(tmp_path: Path) -> None:
    made: list[CaFiles] = []
    threads = [threading.Thread(target=lambda: made.append(ensure_ca(tmp_path))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 6
    assert len({files.fingerprint for files in made}) == 1


def test_what_the_ca_says_of_itself(files: CaFiles) -> None:
    cert = files.certificate
    constraints = cert.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    usage = cert.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign
    assert not usage.value.digital_signature
    assert cert.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    (name,) = cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert str(name.value).startswith("weir CA ")
    assert f"{datetime.now(UTC):%Y-}" in str(name.value)
    assert cert.not_valid_before_utc < datetime.now(UTC) - timedelta(days=1)
    assert timedelta(days=4 * 365) < files.expires - datetime.now(UTC) < timedelta(days=6 * 365)
    assert len(files.fingerprint) == 95


def test_two_cas_have_two_names(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert ensure_ca(tmp_path / "a").certificate.subject != ensure_ca(tmp_path / "b").certificate.subject


def test_what_a_leaf_says(files: CaFiles, authority: Authority) -> None:
    leaf = authority.leaf(["API.OpenAI.com.", "*.openai.com", "192.0.2.7", "[2001:db8::1]", "bücher.example"])
    extensions = leaf.cert.extensions
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert not names.critical
    assert names.value.get_values_for_type(x509.DNSName) == ["api.openai.com", "*.openai.com", "xn--bcher-kva.example"]
    assert [str(ip) for ip in names.value.get_values_for_type(x509.IPAddress)] == ["192.0.2.7", "2001:db8::1"]
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    ca_ski = files.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == ca_ski
    # Windows' SChannel fails when the leaf claims the CA's key identifier.
    assert extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest != ca_ski
    life = leaf.cert.not_valid_after_utc - leaf.cert.not_valid_before_utc
    assert timedelta(days=198) < life <= timedelta(days=199)
    assert leaf.cert.not_valid_before_utc < datetime.now(UTC) - timedelta(days=1)


def test_the_ca_key_signs_and_does_nothing_else(files: CaFiles, authority: Authority) -> None:
    leaf = authority.leaf(["a.example"])
    assert leaf.key.public_key() == leaf.cert.public_key()
    assert leaf.cert.public_key() != files.certificate.public_key()
    assert authority.leaf(["b.example"]).key is leaf.key
    assert Authority(files).leaf(["a.example"]).key.public_key() != leaf.key.public_key()
    leaf.cert.verify_directly_issued_by(files.certificate)
    assert authority.chain == ()
    assert authority.certificate == files.certificate


@pytest.mark.parametrize("name", ["api.openai.com", "x", "a_b.example", "192.0.2.7", f"{'a' * 60}.{'b' * 60}.example"])
def test_strict_clients_accept_a_leaf(tmp_path: Path, files: CaFiles, authority: Authority, name: str) -> None:
    handshake(tmp_path, files.export("pem").decode(), authority.leaf([name]), name)


def test_the_web_pki_rules_accept_a_leaf(files: CaFiles, authority: Authority) -> None:
    verifier = PolicyBuilder().store(Store([files.certificate])).build_server_verifier(x509.DNSName("api.openai.com"))
    chain = verifier.verify(authority.leaf(["api.openai.com"]).cert, [])
    assert len(chain) == 2


def test_another_name_is_not_accepted(tmp_path: Path, files: CaFiles, authority: Authority) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, files.export("pem").decode(), authority.leaf(["a.example"]), "b.example")


def test_a_long_first_name_leaves_the_subject_empty_and_the_names_critical(authority: Authority) -> None:
    leaf = authority.leaf([f"{'a' * 60}.{'b' * 60}.example"])
    assert not list(leaf.cert.subject)
    assert leaf.cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


@pytest.mark.parametrize(
    "sans",
    [
        [],
        [""],
        ["a..b"],
        ["a b.example"],
        ["a\x00.example"],
        ["a.example", "x" * 64],
        [".".join(["a" * 50] * 6)],
        ["*"],
    ],
)
def test_names_that_no_certificate_can_hold(authority: Authority, sans: list[str]) -> None:
    with pytest.raises(ValueError, match="name"):
        authority.leaf(sans)


def test_leaves_are_cached_least_recently_used_first_out(files: CaFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHE_SIZE", 2)
    authority = Authority(files)
    first = authority.leaf(["a.example"])
    assert authority.leaf(["A.example", "a.example."]) is first
    second = authority.leaf(["b.example"])
    assert authority.leaf(["a.example"]) is first
    authority.leaf(["c.example"])
    assert authority.leaf(["a.example"]) is first
    assert authority.leaf(["b.example"]) is not second


def test_an_old_leaf_is_made_anew(files: CaFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKDATE", timedelta(days=100))
    monkeypatch.setattr(module, "ensure_ca", None)
    authority = Authority(files)
    authority._ca = _signed(authority, files)  # a CA as old as the leaf is to be
    old = authority.leaf(["a.example"])
    assert authority.leaf(["a.example"]) is not old


def _signed(authority: Authority, files: CaFiles) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(files.certificate.subject, files.certificate.subject)
    builder = builder.public_key(files.certificate.public_key()).serial_number(1)  # type: ignore[arg-type]
    builder = builder.not_valid_before(now - timedelta(days=300)).not_valid_after(now + timedelta(days=300))
    return builder.sign(authority._key, hashes.SHA256())


def test_exports(files: CaFiles) -> None:
    assert EXPORT_FORMATS == ("pem", "der", "p12")
    assert x509.load_pem_x509_certificate(files.export("pem")) == files.certificate
    assert x509.load_der_x509_certificate(files.export("der")) == files.certificate
    key, cert, others = pkcs12.load_key_and_certificates(files.export("p12"), b"changeit")
    assert key is None
    assert files.certificate in (cert, *others)
    with pytest.raises(ValueError, match="choose pem, der, p12"):
        files.export("jks")


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_damaged_key_file_is_named_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weir-ca.key"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(CaError, match="is not an unencrypted PEM key") as caught:
        ensure_ca(tmp_path)
    assert "AAAA" not in str(caught.value)


def test_a_key_without_certificate_is_refused(tmp_path: Path, files: CaFiles) -> None:
    path = tmp_path / "weir-ca.key"
    path.touch(0o600)
    path.write_bytes(files.key.read_bytes().partition(b"-----BEGIN CERT")[0])
    with pytest.raises(CaError, match="followed by its certificate"):
        ensure_ca(tmp_path)


def test_a_key_open_to_others_is_refused(tmp_path: Path) -> None:
    files = ensure_ca(tmp_path)
    files.key.chmod(0o640)
    with pytest.raises(DataDirError, match="chmod 600"):
        ensure_ca(tmp_path)
    with pytest.raises(DataDirError, match="chmod 600"):
        Authority(files)


def test_a_removed_key_is_not_replaced_behind_the_operators_back(tmp_path: Path) -> None:
    files = ensure_ca(tmp_path)
    files.key.unlink()
    with pytest.raises(CaError, match="was removed"):
        Authority(files)
    assert not files.key.exists()
