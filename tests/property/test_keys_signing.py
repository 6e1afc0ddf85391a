"""Whatever a request looks like, its new signature is the one AWS computes for what is on the wire."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from weir.keys.signing.sigv4 import AwsCredentials, sign

HOST = "bedrock-runtime.eu-central-1.amazonaws.com"
SECRET = "synthetic/secret+" + "x" * 23
TEXT = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20
)
NAMES = st.sampled_from(["Content-Type", "X-Amz-Meta", "x-amzn-bedrock-trace", "Accept", "User-Agent", "X-Amz-Date"])
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


def expected(path: str, query: str, headers: list[tuple[str, str]], body: bytes, at: datetime) -> tuple[str, str]:
    """(signed names, signature), from AWS's description of the algorithm."""
    values: dict[str, list[str]] = {"host": [HOST]}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(" ".join(value.split()))
    names = sorted(n for n in values if n in ("host", "content-type") or n.startswith(("x-amz-", "x-amzn-bedrock-")))
    # By name first: as whole texts "00=" would stand before "0=".
    lines = ["POST", quote(path, safe="/~"), "&".join(sorted(query.split("&"), key=lambda pair: pair.split("=")))]
    lines += [f"{name}:{','.join(values[name])}" for name in names]
    lines += ["", ";".join(names), hashlib.sha256(body).hexdigest()]
    day = at.strftime("%Y%m%d")
    scope = f"{day}/eu-central-1/bedrock/aws4_request"
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", at.strftime("%Y%m%dT%H%M%SZ"), scope, digest])
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return ";".join(names), hmac.digest(key, text.encode(), "sha256").hex()


@settings(max_examples=150, deadline=None)
@given(
    model=TEXT,
    query=st.lists(st.tuples(TEXT, TEXT), max_size=3),
    headers=st.lists(st.tuples(NAMES, VALUES), max_size=6),
    body=st.binary(max_size=50),
    token=st.sampled_from(["", "synthetic-session"]),
    at=st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2090, 1, 1)),
)
def test_a_signature_fits_what_is_sent(
    model: str,
    query: list[tuple[str, str]],
    headers: list[tuple[str, str]],
    body: bytes,
    token: str,
    at: datetime,
) -> None:
    path = f"/model/{quote(model, safe='')}/converse"
    if path in ("/model/./converse", "/model/../converse"):
        return  # dot segments are folded on the way, so that no model can have such a name
    text = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in query)
    url = f"https://{HOST}{path}" + (f"?{text}" if text else "")
    credentials = AwsCredentials("AKIDEXAMPLE", SECRET, token)
    at = at.replace(tzinfo=UTC)
    got = sign("POST", url, headers, body, credentials, region="eu-central-1", service="bedrock", at=at)
    names, signature = expected(path, text, got, body, at)
    authorization = dict(got)["Authorization"]
    assert authorization.endswith(f"SignedHeaders={names}, Signature={signature}")
    assert [pair for pair in headers if pair[0] != "X-Amz-Date"] == got[: sum(n != "X-Amz-Date" for n, _ in headers)]
    again = sign("POST", url, got, body, credentials, region="eu-central-1", service="bedrock", at=at)
    assert again == got
