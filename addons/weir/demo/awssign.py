"""Checks AWS's request signatures (version 4), so that a test can tell whether a signed request arrived untouched."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import quote

__all__ = ["access_key_of", "signed"]

_SCHEME = "AWS4-HMAC-SHA256"
_FORM = re.compile(
    _SCHEME + r" Credential=(?P<id>[A-Z0-9]{16,128})/(?P<scope>\d{8}/[a-z0-9-]+/[a-z0-9-]+/aws4_request),"
    r" ?SignedHeaders=(?P<names>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


def access_key_of(authorization: str) -> str:
    """The access key id of an ``Authorization`` header in SigV4's form, "" for any other."""
    found = _FORM.fullmatch(authorization)
    return found["id"] if found else ""


def signed(method: str, path: str, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """True when the request's signature was made with ``secret`` and covers just this path, these headers, this body.

    ``path`` as the operation means it (decoded, without a query); ``headers`` by lower-case name.
    """
    found = _FORM.fullmatch(headers.get("authorization", ""))
    if found is None or not {"host", "x-amz-date"} <= set(found["names"].split(";")):
        return False
    names = found["names"].split(";")
    # Encoded twice: once for the wire, and once more by the rules of every service but S3.
    canonical_path = quote(quote(path, safe="/~"), safe="/~")
    fields = [f"{name}:{' '.join(headers.get(name, '').split())}" for name in names]
    content = hashlib.sha256(body).hexdigest()
    canonical = "\n".join([method, canonical_path, "", *fields, "", found["names"], content])
    text = "\n".join([_SCHEME, headers["x-amz-date"], found["scope"], hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in found["scope"].split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), found["signature"])
