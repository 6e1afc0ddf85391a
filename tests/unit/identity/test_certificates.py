"""Client certificates: a chain of the given CA's names its caller; no other does."""

from __future__ import annotations

import datetime as dt
import functools
import ipaddress
import time
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from weir.identity.certificates import CHAIN_MAX, Certificates, NameRule
from weir.model import Principal

NOW = 1_800_000_000.0
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
SPIFFE = x509.UniformResourceIdentifier("spiffe://corp.example/ns/ai/sa/report-bot")


@dataclass(frozen=True)
class Made:
    cert: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.cert.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.cert.public_bytes(Encoding.PEM)


def make(name: str, issuer: Made | None, *, ca: bool, sans: Any = (), usage: Any = CLIENT, days: int = 30) -> Made:
    """A certificate that begins an hour before ``NOW``; ``usage`` None leaves the extension out."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = dt.datetime.fromtimestamp(NOW - 3600, dt.UTC)
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.cert.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), critical=True)
    )
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(sans)), critical=False)
    if usage is not None and not ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return Made(builder.sign(signer, hashes.SHA256()), key)


@functools.cache
def root() -> Made:
    return make("clients", None, ca=True)


@functools.cache
def middle() -> Made:
    return make("clients 2", root(), ca=True)


RULES = [
    ("uri:spiffe://corp.example/ns/*/sa/report-bot", Principal(app="report-bot", team="finance")),
    ("email:*@example.com", Principal(user="{san}")),
    ("dns:*.desk.example.com", Principal(device="{san}")),
    ("ip:10.20.30.40", Principal(device="kiosk")),
]


@functools.cache
def certificates() -> Certificates:
    return Certificates(root().pem, [NameRule.parse(san, who) for san, who in RULES])


@pytest.mark.parametrize(
    ("san", "field", "value"),
    [
        (SPIFFE, "app", "report-bot"),
        (x509.RFC822Name("Ada@Example.COM"), "user", "Ada@example.com"),
        (x509.DNSName("Seven.desk.example.com"), "device", "seven.desk.example.com"),
        (x509.IPAddress(ipaddress.ip_address("10.20.30.40")), "device", "kiosk"),
    ],
)
def test_a_name_stands_for_its_principal(san: x509.GeneralName, field: str, value: str) -> None:
    leaf = make("x", root(), ca=False, sans=[x509.DNSName("unlisted.example.com"), san])
    shown = certificates().lookup([leaf.der], NOW)
    assert shown.principal and not shown.why, shown
    assert getattr(shown.principal, field) == value
    assert (shown.principal.method, shown.principal.strength) == ("certificate", 3)


def test_a_chain_over_an_intermediate_holds_and_needs_it() -> None:
    leaf = make("x", middle(), ca=False, sans=[SPIFFE])
    assert certificates().lookup([leaf.der, middle().der], NOW).principal
    assert "not of the given CA" in certificates().lookup([leaf.der], NOW).why


def test_without_a_usage_it_is_for_clients_too() -> None:
    leaf = make("x", root(), ca=False, sans=[SPIFFE], usage=None)
    assert certificates().lookup([leaf.der], NOW).principal


@functools.cache
def stranger() -> Made:
    return make("clients", None, ca=True)  # the same name, another key


def refused() -> dict[str, tuple[list[bytes], float, str]]:
    good = make("x", root(), ca=False, sans=[SPIFFE])
    false_ca = make("x", root(), ca=False, sans=[SPIFFE])
    return {
        "foreign CA": ([make("x", stranger(), ca=False, sans=[SPIFFE]).der], NOW, "not of the given CA"),
        "brings its CA": (
            [make("x", stranger(), ca=False, sans=[SPIFFE]).der, stranger().der], NOW, "not of the given CA"
        ),
        "self-signed": ([make("x", None, ca=False, sans=[SPIFFE]).der], NOW, "not of the given CA"),
        "a client as CA": (
            [make("y", false_ca, ca=False, sans=[SPIFFE]).der, false_ca.der], NOW, "not of the given CA"
        ),
        "expired": ([good.der], NOW + 31 * 86_400, "not valid now"),
        "not yet": ([good.der], NOW - 7200, "not valid now"),
        "for servers": ([make("x", root(), ca=False, sans=[SPIFFE], usage=SERVER).der], NOW, "given CA|for clients"),
        "no names": ([make("report-bot", root(), ca=False).der], NOW, "not of the given CA|no rule"),
        "other name": ([make("x", root(), ca=False, sans=[x509.DNSName("a.example")]).der], NOW, "no rule"),
        "name begins alike": (
            [make("x", root(), ca=False, sans=[x509.RFC822Name("ada@example.com.evil.example")]).der], NOW, "no rule"
        ),
        "name of another kind": (
            [make("x", root(), ca=False, sans=[x509.UniformResourceIdentifier("x@example.com")]).der], NOW, "no rule"
        ),
        "damaged": ([good.der[:-20]], NOW, "cannot be read"),
        "no certificate": ([b"\x30\x03\x02\x01\x01"], NOW, "cannot be read"),
        "damaged intermediate": ([good.der, b"x"], NOW, "cannot be read"),
        "long chain": ([good.der] * (CHAIN_MAX + 1), NOW, "too long"),
        "huge": ([good.der + b"\0" * 100_000], NOW, "too long"),
    }  # fmt: skip


def test_everything_else_is_refused_and_nothing_quoted() -> None:
    import re

    for name, (chain, now, why) in refused().items():
        shown = certificates().lookup(chain, now)
        assert shown.principal is None and re.search(why, shown.why), (name, shown)
        assert "spiffe" not in shown.why and "evil" not in shown.why


def test_no_certificate_says_nothing() -> None:
    shown = certificates().lookup([], NOW)
    assert shown.principal is None and shown.why == ""


def test_a_file_without_a_ca_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no CA certificate"):
        Certificates(b"nothing", [])
    with pytest.raises(ValueError, match="written uri:"):
        NameRule.parse("cn:x", Principal())


def test_issuers_that_could_all_have_signed_each_other_are_not_tried() -> None:
    """Four of them took half a minute, before anybody had proved anything."""
    own = make("loop", None, ca=True)
    loop = [own]
    for _ in range(6):
        again = make("loop", own, ca=True)
        loop.append(again)
    leaf = make("leaf", own, ca=False, sans=[x509.DNSName("a.bots.example")])
    began = time.thread_time()
    shown = certificates().lookup([leaf.der, *(one.der for one in loop)], NOW)
    assert time.thread_time() - began < 3
    assert shown.principal is None and "issuer twice" in shown.why


@pytest.mark.parametrize(
    ("glob", "matches", "others"),
    [
        ("/*/sa/x", ["/a/sa/x", "/a.b-c/sa/x"], ["/a/b/sa/x", "/sa/x", "/evil/../a/sa/x", "/a/sa/x/y", "/a/sa/xy"]),
        ("/**/sa/x", ["/a/sa/x", "/a/b/sa/x"], ["/a/sa/y", "/sa/xx"]),
        ("/**", ["/", "/a", "/a/b"], [".evil.example/a"]),
        ("/a?b", ["/axb"], ["/a/b", "/ab"]),
        ("/a[!x]b[0-9]", ["/ayb7"], ["/a/b7", "/axb7", "/aybx"]),
        ("/a.b[", ["/a.b["], ["/axb["]),
    ],
)
def test_a_star_stays_between_the_slashes_of_a_uri(glob: str, matches: list[str], others: list[str]) -> None:
    known = Certificates(root().pem, [NameRule.parse(f"uri:spiffe://corp.example{glob}", Principal(app="x"))])
    for path in (*matches, *others):
        leaf = make("x", root(), ca=False, sans=[x509.UniformResourceIdentifier(f"spiffe://corp.example{path}")])
        assert (known.lookup([leaf.der], NOW).principal is not None) == (path in matches), path
