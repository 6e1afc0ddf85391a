"""The doctor on whoever says who is calling: real servers on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from harness.directory import Directory
from harness.issuer import ec_key, jwks, rsa_key
from harness.issuer_site import Site
from weir.cli.checkup import Result
from weir.cli.checkup.identity import certificates, directory, issuers
from weir.settings import Settings, load

SERVICE = "cn=weir,dc=example,dc=com"


def policy(folder: Path, text: str) -> Settings:
    (folder / "p.yaml").write_text(f"version: 1\nidentity:\n  {text}\n")
    return load(folder / "p.yaml")


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    found = orjson.dumps({"issuer": made.url, "jwks_uri": f"{made.url}/keys"})
    made.pages = {"/.well-known/openid-configuration": (200, found, {}), "/keys": (200, jwks(rsa_key(), ec_key()), {})}
    yield made
    made.close()


def issuer(folder: Path, site: Site, more: str = "") -> Result:
    (found,) = issuers(policy(folder, f"issuers: [{{issuer: '{site.url}', audience: weir{more}}}]"), folder)
    return found


def test_an_issuer(tmp_path: Path, site: Site) -> None:
    assert issuer(tmp_path, site) == Result("issuer", "ok", f"{site.url}: 2 keys")
    assert issuer(tmp_path, site, ", algorithms: ES256").detail == f"{site.url}: 1 key"
    found = issuer(tmp_path, site, ", algorithms: EdDSA")
    assert found.status == "fail" and "none of its 2 keys is for EdDSA" in found.detail and "algorithms" in found.remedy
    site.pages = {}
    found = issuer(tmp_path, site)
    assert found.status == "fail" and "answered 404" in found.detail and "24 h" in found.remedy
    assert list(issuers(policy(tmp_path, "required: false"), tmp_path)) == []


def test_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Directory({SERVICE: {"userPassword": "of-the-service"}})
    text = f"ldap: {{server: '{server.url}', base: 'dc=example', bind: '{SERVICE}', password: 'env:WEIR_TEST_LDAP'}}"
    settings = policy(tmp_path, text)
    monkeypatch.delenv("WEIR_TEST_LDAP", raising=False)
    (found,) = directory(settings)
    assert found.status == "warn" and "WEIR_TEST_LDAP" in found.detail
    monkeypatch.setenv("WEIR_TEST_LDAP", "of-the-service")
    (found,) = directory(settings)
    assert found.status == "ok" and found.detail.startswith(f"{server.url}: answers in ")
    monkeypatch.setenv("WEIR_TEST_LDAP", "another")
    (found,) = directory(settings)
    assert found.status == "fail" and "refuses weir's own account" in found.detail
    server.close()
    (found,) = directory(settings)
    assert found.status == "fail" and "cannot be asked" in found.detail and "another" not in str(found)
    assert list(directory(policy(tmp_path, "required: false"))) == []


def authority(path: Path, days: int) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "clients")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 7, now - timedelta(400), now + timedelta(days, 60))
    path.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))


@pytest.mark.parametrize(("days", "status"), [(300, "ok"), (10, "warn"), (-2, "fail")])
def test_the_ca_of_clients(tmp_path: Path, days: int, status: str) -> None:
    authority(tmp_path / "ca.pem", days)
    text = 'certificates: {ca: ca.pem, names: [{san: "dns:*", app: bot}]}'
    (found,) = certificates(policy(tmp_path, text))
    assert found.status == status and "1 certificate, the last" in found.detail


def test_a_ca_that_cannot_be_read_is_told_with_the_policy(tmp_path: Path) -> None:
    text = 'certificates: {ca: nowhere.pem, names: [{san: "dns:*", app: bot}]}'
    assert list(certificates(policy(tmp_path, text))) == []
    assert list(certificates(policy(tmp_path, "required: false"))) == []
