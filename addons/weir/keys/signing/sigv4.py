"""Signs a request for AWS (Signature Version 4) anew, after whatever weir changed in it. Pure but for botocore."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlsplit

from weir.keys.backends import SecretUnavailable
from weir.model import Secret

__all__ = [
    "SCHEME", "AwsCredentials", "SigningError", "parse", "scope_of", "sign", "sign_with", "signs_for", "spelt", "warm",
]  # fmt: skip

type Headers = list[tuple[str, str]]

SCHEME = "AWS4-HMAC-SHA256"  # of the Authorization header
_STAMP = "%Y%m%dT%H%M%SZ"
# Bedrock's hosts, in the standard, the FIPS and the dual-stack form; all of them sign as "bedrock".
_HOST = re.compile(
    r"bedrock(?:-agent)?(?:-runtime|-mantle)?(?:-fips)?\.([a-z]{2}(?:-[a-z]+)+-\d)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)"
)
# What AWS wants signed; all other headers may be touched on the way (by weir, by HTTP/2) without harm.
_SIGNED = re.compile(r"content-type|x-amz-[a-z0-9-]+|x-amzn-bedrock-[a-z0-9-]+")
_REMADE = frozenset({"authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256", "date"})
_PRESIGNED = re.compile(r"(?:^|&)x-amz-(?:signature|credential)=", re.IGNORECASE)
_SAFE = re.compile(r"[!-~]+")


class SigningError(Exception):
    """A request cannot be signed anew. The message holds neither credentials nor the request."""


@dataclass(frozen=True, slots=True)
class AwsCredentials:
    """An access key, with its session token and end (seconds since the epoch) when it is a temporary one."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    expires: float | None = None


def parse(text: str) -> AwsCredentials:
    """Credentials from a secret's JSON, in the words of AWS's tools (``AccessKeyId`` …) or in those of its files.

    Raises SecretUnavailable, which quotes nothing of it.
    """
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise SecretUnavailable(
            'AWS credentials are a JSON object: {"AccessKeyId": …, "SecretAccessKey": …}', refused=True
        )
    known = {name.lower().removeprefix("aws").replace("_", ""): value for name, value in values.items()}
    parts = [known.get(name) or "" for name in ("accesskeyid", "secretaccesskey", "sessiontoken")]
    if not all(isinstance(part, str) and (not part or _SAFE.fullmatch(part)) for part in parts):
        raise SecretUnavailable("AWS credentials: a part of them is not printable text", refused=True)
    if not parts[0] or not parts[1]:
        raise SecretUnavailable("AWS credentials: AccessKeyId or SecretAccessKey is missing", refused=True)
    end = known.get("expiration")
    try:
        expires = datetime.fromisoformat(end) if end else None
    except (TypeError, ValueError):
        raise SecretUnavailable("AWS credentials: Expiration is not a time", refused=True) from None
    if expires is not None and expires.tzinfo is None:
        expires = expires.replace(tzinfo=UTC)
    return AwsCredentials(parts[0], parts[1], parts[2], expires.timestamp() if expires else None)


def warm() -> None:
    """Load botocore, a fifth of a second that no request should wait for. Raises SecretUnavailable without it."""
    try:
        _signer()
    except ImportError:
        raise SecretUnavailable("boto3 is not installed; run: pip install 'weir[aws]'") from None


def scope_of(host: str) -> tuple[str, str] | None:
    """(region, service) that a request to ``host`` is signed for; None when it is not one of Bedrock's."""
    found = _HOST.fullmatch(host.lower().rstrip("."))
    return (found.group(1), "bedrock") if found else None


def signs_for(pattern: str) -> bool:
    """Whether a host, or a pattern with ``*`` for a region, can be one that `scope_of` knows."""
    return scope_of(pattern.replace("*", "us-east-1")) is not None


def spelt(path: str) -> str:
    """``path`` (without a query) in the one spelling whose signature nobody reads in two ways: ``:`` as ``%3A``.

    AWS's own clients write it so. A path with ``:`` as it is would be signed in another way by those who decode before
    they encode.
    """
    return "/".join(quote(unquote_to_bytes(part), safe="-_.~") for part in path.split("/"))


def sign_with(
    secret: Secret, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes, at: datetime
) -> Headers:
    """``sign`` with the credentials that ``secret`` holds (see ``parse``), for the region that the host tells.

    Raises SigningError also for a host that the secret is not bound to or that is not one of Bedrock's, and
    SecretUnavailable when there are no credentials now.
    """
    host = urlsplit(url).hostname or ""
    scope = scope_of(host)
    if scope is None or not secret.may_go_to(host):
        raise SigningError("the AWS credentials are not bound to the host of this request")
    region, service = scope
    return sign(method, url, headers, body, parse(secret.reveal()), region=region, service=service, at=at)


def sign(
    method: str,
    url: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
    credentials: AwsCredentials,
    *,
    region: str,
    service: str,
    at: datetime,
) -> Headers:
    """``headers`` with the signature of ``credentials`` in the place of any other, in their order, the new ones last.

    ``url`` is ``https://host/path?query`` exactly as on the wire: the path must keep the client's encoding, since a
    model's name may hold ``:`` and ``/``, and ``%3A`` is signed as ``%253A``. ``headers`` are (name, value) without
    pseudo headers, ``body`` is what is sent, ``at`` the aware time of the signature (AWS allows five minutes).

    Raises SigningError for what a header can't sign: a presigned URL, or a body signed piece by piece (event streams
    of both directions, ``STREAMING-…``).
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise SigningError("only requests over https are signed")
    if at.tzinfo is None:
        raise SigningError("the time of a signature needs a time zone")
    if _PRESIGNED.search(parts.query):
        raise SigningError("the request is signed in its query; such a URL is not made anew")
    for name, value in headers:
        if name.lower() == "x-amz-content-sha256" and value.strip().upper().startswith("STREAMING-"):
            raise SigningError("each piece of the body is signed by itself; such a request is not signed anew")
    kept = [(name, value) for name, value in headers if name.lower() not in _REMADE]
    covered = [(name, value) for name, value in kept if _SIGNED.fullmatch(name.lower())]
    made = _signature(method, url, covered, body, credentials, (region, service), at)
    return [*kept, *made]


def _signature(
    method: str,
    url: str,
    headers: Headers,
    body: bytes,
    credentials: AwsCredentials,
    scope: tuple[str, str],
    at: datetime,
) -> Headers:
    make, keys_of, signer = _signer()
    request = make(method=method, url=url, data=body)
    for name, value in headers:
        request.headers.add_header(name, value)
    request.headers["X-Amz-Content-SHA256"] = hashlib.sha256(body).hexdigest()
    request.context["timestamp"] = at.astimezone(UTC).strftime(_STAMP)
    keys = keys_of(credentials.access_key_id, credentials.secret_access_key, credentials.session_token or None)
    signer(keys, scope[1], scope[0]).sign(request)
    wanted = ("X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-SHA256", "Authorization")
    return [(name, str(request.headers[name])) for name in wanted if name in request.headers]


@cache
def _signer() -> tuple[Any, Any, Any]:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import ReadOnlyCredentials

    class At(SigV4Auth):  # type: ignore[misc]  # botocore has no types
        """botocore's signer at a given time; its own ``add_auth`` also logs what is signed, the session token too."""

        def sign(self, request: Any) -> None:
            self._modify_request_before_signing(request)
            text = self.string_to_sign(request, self.canonical_request(request))
            self._inject_signature_to_request(request, self.signature(text, request))

    return AWSRequest, ReadOnlyCredentials, At
