"""The CA as a configuration profile for macOS, iOS and iPadOS."""

from __future__ import annotations

import hashlib
import plistlib
import uuid

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

__all__ = ["profile"]


def profile(certificate: x509.Certificate) -> bytes:
    """A ``.mobileconfig`` that adds one certificate; the same one each time, so that a second replaces the first."""
    der = certificate.public_bytes(Encoding.DER)
    mark = hashlib.sha256(der).hexdigest()
    known = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    name = str(known[0].value) if known else "weir"
    itself = certificate.subject == certificate.issuer
    payload = {
        "PayloadType": "com.apple.security.root" if itself else "com.apple.security.pkcs1",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"weir.ca.{mark[:16]}.certificate",
        "PayloadUUID": _uuid(f"certificate {mark}"),
        "PayloadDisplayName": name,
        "PayloadDescription": "Certificate authority of weir, through which AI traffic passes.",
        "PayloadCertificateFileName": "weir-ca.cer",
        "PayloadContent": der,
    }
    whole = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"weir.ca.{mark[:16]}",
        "PayloadUUID": _uuid(f"profile {mark}"),
        "PayloadDisplayName": f"Trust {name}",
        "PayloadDescription": f"SHA-256 of the certificate: {mark}",
        "PayloadRemovalDisallowed": False,
        "PayloadContent": [payload],
    }
    return plistlib.dumps(whole)


def _uuid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"weir {name}")).upper()
