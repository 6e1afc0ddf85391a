"""What the policy engine is asked about: one exchange, as far as it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from weir.frozen import quick
from weir.model import ANONYMOUS, Endpoint, Finding, Inspection, Principal, Segment, Service

__all__ = ["NO_SERVICE", "Case", "Objection", "Shown"]

NO_SERVICE = Service(id="")

# A dialect marks text that stands in an object key like this: it can be read there but not changed.
KEY_MARK = "#key"


@dataclass(frozen=True, slots=True)
class Shown:
    """One raw credential of a request: its kind, and why the company's key can't take its place ("": it can)."""

    kind: str
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Objection:
    """What another concern holds against the request whatever it says: a rule of its own, and what to tell of it."""

    rule_id: str
    say: str  # for the client
    why: str  # for the audit


@quick
@dataclass(frozen=True, slots=True)
class Case:
    """One request (or reply) to decide on. ``segments`` are those that the findings index into."""

    principal: Principal = ANONYMOUS
    service: Service = NO_SERVICE
    endpoint: Endpoint | None = None
    model: str = ""
    other_models: Sequence[str] = ()  # that a request names besides, see `models`
    host: str = ""
    names: Sequence[str] = ()  # every host name the request claims
    is_ai: bool = False  # an AI service, catalogued or discovered
    discovered: bool = False
    findings: Sequence[Finding] = ()
    segments: Sequence[Segment] = field(default=(), repr=False)
    tools: Sequence[str] = ()
    inspection: Inspection = Inspection.INSPECTED
    reason: str = ""  # why inspection is not `inspected`; never quotes content
    credential: str = "none"  # raw | session | virtual | none
    shown: Sequence[Shown] = ()  # every credential that is no virtual key
    direction: str = "request"  # request | response
    objection: Objection | None = None

    @property
    def concerns_ai(self) -> bool:
        """Whether the request goes to an AI service."""
        return self.is_ai or bool(self.service.id)

    def editable(self, finding: Finding) -> bool:
        """Whether the text of ``finding`` can be replaced: only a string value inside a parsed body can."""
        if not 0 <= finding.segment < len(self.segments):
            return False
        pointer = self.segments[finding.segment].pointer
        return pointer.startswith("/") and not pointer.endswith(KEY_MARK)
