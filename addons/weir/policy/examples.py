"""Runs the examples that stand beside the rules: each is a request, decided by the whole policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from weir.model import Endpoint, Finding, Principal, Segment, Service, Status, Verdict
from weir.policy.case import Shown
from weir.policy.decide import Case, Policy
from weir.settings import Example, Rule, Settings

__all__ = ["Expand", "Scan", "ServiceOf", "Surprise", "run"]

Scan = Callable[[Sequence[Segment]], Sequence[Finding]]
ServiceOf = Callable[[str], Service]
Expand = Callable[[str, str], str]

_UNNAMED = Service(id="example", name="Example", status=Status.SANCTIONED)


@dataclass(frozen=True, slots=True)
class Surprise:
    """An example that did not come out as expected. Holds no text of the example."""

    file: str
    line: int
    rule_id: str
    example: int  # position in the rule's list, from 0
    expected: str  # action word
    got: str
    why: str  # rules and detectors that decided, or why the outcome counts as a surprise

    def __str__(self) -> str:
        return (
            f"{self.file}:{self.line}: rule {self.rule_id}, example {self.example + 1}: "
            f"expected {self.expected}, got {self.got} ({self.why}); change the rule or the example"
        )


def _as_written(text: str, seed: str) -> str:
    return text


def _unjudged(service_id: str) -> Service:
    return Service(id=service_id, name=service_id)


def run(
    policy: Policy, scan: Scan, *, service_of: ServiceOf = _unjudged, expand: Expand = _as_written
) -> tuple[Surprise, ...]:
    """Decide every example of every rule and return those that surprise, in file order.

    ``scan`` finds what the detectors find in segments, ``service_of`` gives the service of an id with the status that
    this policy gives it, and ``expand`` writes out generated text (``{b62:48}``) given the text and a seed.
    """
    settings = policy.settings
    found: list[Surprise] = []
    for index, rule in enumerate(settings.rules):
        for number, example in enumerate(rule.examples):
            text = expand(example.text, f"{rule.id}/{number}")
            segments = (Segment("/messages/0/content", "user", text),) if text else ()
            findings = tuple(replace(f, direction=example.direction) for f in scan(segments)) if segments else ()
            verdict = policy.decide(_case(example, segments, findings, service_of, settings))
            why = _surprise(rule, example, verdict)
            if why:
                line = settings.line("rules", index, "examples", number)
                expected, got = example.expect, verdict.action.word
                found.append(Surprise(settings.file, line, rule.id, number, expected, got, why))
    return tuple(found)


def _surprise(rule: Rule, example: Example, verdict: Verdict) -> str:
    if verdict.action.word != example.expect:
        return verdict.reason or "no rule matched"
    # The right outcome for the wrong reason would hide that this rule never matches.
    if example.expect == rule.then and rule.then != "allow" and rule.id not in verdict.rules:
        return f"but by another rule: {verdict.reason}"
    return ""


def _credential(example: Example, settings: Settings) -> tuple[str, tuple[Shown, ...]]:
    """Raw, session, virtual or none, and the one credential that an example with a kind, or a raw one, stands for."""
    kind = example.credential_kind or {"raw": "unknown", "session": "session"}.get(example.credential, "")
    if not kind:
        return example.credential, ()
    replaceable = example.identity != "none" and example.service in settings.keys
    why_not = "" if replaceable else "nobody is known, or the company has no key"
    return "session" if kind == "session" else "raw", (Shown(kind, why_not),)


def _case(
    example: Example,
    segments: Sequence[Segment],
    findings: Sequence[Finding],
    service_of: ServiceOf,
    settings: Settings,
) -> Case:
    credential, shown = _credential(example, settings)
    known = service_of(example.service) if example.service else _UNNAMED
    service = Service(
        id=known.id,
        name=known.name,
        vendor=example.vendor or known.vendor,
        category=example.category or known.category,
        status=known.status if example.status is None else example.status,
    )
    return Case(
        principal=Principal(user=example.user, team=example.team, app=example.app, method=example.identity, strength=0),
        service=service,
        endpoint=Endpoint(service=service.id, dialect="example", operation=example.operation),
        model=example.model,
        host=example.host,
        is_ai=True,
        discovered=service.category == "discovered",
        findings=findings,
        segments=segments,
        tools=example.tool,
        inspection=example.inspection,
        credential=credential,
        shown=shown,
        direction=example.direction,
    )
