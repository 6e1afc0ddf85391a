"""Turning callers away whose proof is missing or wrong: what they are told, and what the audit is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import orjson
from mitmproxy import http

from weir.audit.record import AuditRecord
from weir.edge import records
from weir.edge.guard import refuse
from weir.edge.state import Snapshot
from weir.edge.trace import link_of
from weir.identity.desk import CHALLENGES

__all__ = ["Wrong", "answer_wrong", "challenge", "tunnel_record"]


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something was shown and does not hold. ``why`` quotes nothing of it."""

    source: str  # "" when it could not even be read
    why: str
    retry_after_s: float = 0.0  # not looked at: too many wrong ones before it
    down: bool = False  # nobody can say, as whoever would know cannot be asked
    failures: int = 0

    @property
    def rule_id(self) -> str:
        """The rule that the audit names."""
        return "identity-throttled" if self.retry_after_s else "identity-required"

    @property
    def reason(self) -> str:
        """What the audit says."""
        return f"{self.source or 'proxy-authorization'}: {self.why}"


def challenge(flow: http.HTTPFlow, snapshot: Snapshot, said: str = "This proxy wants to know who is calling.") -> None:
    """Answer 407, so that a client that has credentials sends them."""
    _challenge(flow, snapshot, said, "identity-required")


def _challenge(flow: http.HTTPFlow, snapshot: Snapshot, said: str, rule_id: str) -> http.Response:
    refuse(flow, 407, said, rule_id)
    assert flow.response
    sources = snapshot.sources
    asked = (("basic", bool(sources.passwords)), ("jwt", sources.tokens is not None))
    wanted = [
        value for value, (source, known) in zip(CHALLENGES, asked, strict=True) if known and source in sources.order
    ]
    flow.response.headers.set_all("proxy-authenticate", wanted)
    return flow.response


def answer_wrong(flow: http.HTTPFlow, snapshot: Snapshot, wrong: Wrong, *, here: bool = True) -> None:
    """Refuse what was shown: 407 for credentials (with ``Retry-After`` when slowed), 503 when nobody can say, else 403.

    Not ``here``: the connection showed it, and a request on it cannot mend that. A client that is told to close its
    connection opens another one, with the credentials it has now.
    """
    if wrong.down:
        refuse(flow, 503, "weir cannot check at the moment who is calling, so nothing was forwarded.", wrong.rule_id)
    elif not here:
        refuse(
            flow, 403, f"What this connection shows of who is calling does not hold ({wrong.source}).", wrong.rule_id
        )
        assert flow.response
        if not (flow.request.is_http2 or flow.request.is_http3):
            flow.response.headers["connection"] = "close"
    elif wrong.retry_after_s:
        said = "There were too many wrong proxy credentials; these were not looked at."
        response = _challenge(flow, snapshot, said, wrong.rule_id)
        response.headers["retry-after"] = str(math.ceil(wrong.retry_after_s))
    elif wrong.source in ("", "basic", "jwt"):
        _challenge(flow, snapshot, "These proxy credentials are not valid.", wrong.rule_id)
    else:
        refuse(flow, 403, f"What this connection shows of who is calling is not valid ({wrong.source}).", wrong.rule_id)


def tunnel_record(flow: http.HTTPFlow) -> AuditRecord:
    """The record of a tunnel that was refused."""
    link = link_of(flow.client_conn)
    made = records.minimal_record(flow, link.failed or link.refused_why or "tunnel refused")
    if link.failed or not link.refused_by:
        return made
    extra = orjson.dumps({"failures": str(link.failures)}).decode() if link.failures else ""
    return replace(made, rule_id=link.refused_by, auth_asked=link.auth_asked, extra=extra)
