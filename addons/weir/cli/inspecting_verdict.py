"""What a policy would have decided on recorded traffic, from somebody known who may use the service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from weir.model import Exchange, Finding, Principal, Service, Verdict
from weir.policy.case import Case
from weir.policy.models import besides
from weir.shadow.opinion import Opinion

if TYPE_CHECKING:
    from weir.policy.decide import Policy
    from weir.shadow.catalogue import Catalogue

__all__ = ["verdict_on"]

# Who was calling is not in the file. Rules about that are left to a running weir.
_SOMEBODY = Principal(method="virtual_key", strength=3)


def verdict_on(
    policy: Policy,
    catalogue: Catalogue,
    host: str,
    service: Service,
    exchange: Exchange,
    findings: Sequence[Finding],
    *,
    discovered: bool = False,
) -> Verdict:
    """The verdict on one request, or one message of a socket; ``findings`` index into the exchange's segments."""
    return policy.decide(
        Case(
            principal=_SOMEBODY,
            service=Opinion(catalogue, policy.settings.services).judge(service),
            endpoint=exchange.endpoint,
            model=exchange.model,
            other_models=besides(exchange.segments),
            host=host,
            names=(host,),
            is_ai=True,
            discovered=discovered,
            findings=findings,
            segments=exchange.segments,
            tools=exchange.tools,
            inspection=exchange.inspection,
            reason=exchange.reason,
            credential="virtual",
        )
    )
