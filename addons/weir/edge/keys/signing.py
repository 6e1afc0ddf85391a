"""Requests that their client has signed whole: whatever is changed on the way, the provider refuses them."""

from __future__ import annotations

from mitmproxy import http

from weir.edge.answer import answer
from weir.edge.trace import Trace
from weir.keys.virtual import PREFIX
from weir.policy.actions import STATUS_CONTENT

__all__ = ["RULE", "is_signed", "refuse_change"]

RULE = "signed-request"
# AWS's version 4 (also with a key pair), and HTTP signatures as Oracle's cloud has them.
_SCHEMES = ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", "Signature")
_SAY = (
    "The request holds what the company's AI policy changes before it leaves ({rule}), but its client has signed it,"
    " and a change would break the signature. Send it without that, or with an API key instead of a signature."
)


def is_signed(request: http.Request) -> bool:
    """True when a signature covers the body: in the header, or in the query of a presigned address.

    One made with a virtual key for its access key id is none: weir signs such a request anew, or refuses it.
    """
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if rest.lstrip().startswith(f"Credential={PREFIX}"):
        return False
    return scheme in _SCHEMES or "X-Amz-Signature=" in request.path.partition("?")[2]


def refuse_change(flow: http.HTTPFlow, trace: Trace) -> None:
    """Answer that the request can go neither as it is nor changed."""
    trace.refused_by = RULE
    trace.refused_why = f"{trace.verdict.reason}; signed by the client, so it could not be changed"
    answer(flow, trace, STATUS_CONTENT, RULE, _SAY.format(rule=trace.verdict.rule_id))
