"""The profile for Apple's systems: one certificate, and the same identity each time."""

from __future__ import annotations

import plistlib
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from weir.cli.setup.profile import profile
from weir.tls.ca import ensure_ca


def test_it_adds_the_certificate_and_replaces_itself(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    first, other = ensure_ca(tmp_path / "a"), ensure_ca(tmp_path / "b")
    made = plistlib.loads(profile(first.certificate))
    (payload,) = made["PayloadContent"]
    assert made["PayloadType"] == "Configuration"
    assert payload["PayloadType"] == "com.apple.security.root"
    assert payload["PayloadContent"] == first.certificate.public_bytes(Encoding.DER)
    assert first.fingerprint.replace(":", "").lower() in made["PayloadDescription"]
    assert profile(first.certificate) == profile(first.certificate)
    assert len({made["PayloadUUID"], payload["PayloadUUID"]}) == 2
    assert plistlib.loads(profile(other.certificate))["PayloadIdentifier"] != made["PayloadIdentifier"]
