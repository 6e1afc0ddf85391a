"""``weir check FILE``: is this policy valid, does it name things that exist, do its examples come out as written?

Offline: reads the file, the detectors and the catalogue, never mitmproxy.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from weir.cli.beside import doubts, refused
from weir.cli.detectors import detector_mistake, not_asked_for
from weir.model import Finding, Segment, Service
from weir.policy.decide import Policy
from weir.policy.examples import Expand, ServiceOf, Surprise, run
from weir.policy.vocabulary import Vocabulary, unknown_words
from weir.settings import Mistake, PolicyError, Settings, load

__all__ = ["FORMATS", "Report", "Tools", "check", "examine", "look"]

FORMATS = ("table", "json")


@dataclass(frozen=True, slots=True)
class Tools:
    """What a check needs beside the policy; made from its settings, since they configure the detectors."""

    scan: Callable[[Sequence[Segment]], tuple[Sequence[Finding], str]]  # findings, and why they are incomplete or ""
    service_of: ServiceOf
    expand: Expand
    vocabulary: Vocabulary


@dataclass(slots=True)
class Report:
    """What a check found."""

    file: str
    mistakes: tuple[Mistake, ...] = ()
    surprises: tuple[Surprise, ...] = ()
    warnings: tuple[Mistake, ...] = ()
    settings: Settings | None = None
    rules: int = 0
    examples: int = 0
    without_examples: tuple[str, ...] = field(default=())

    @property
    def good(self) -> bool:
        """True when there is nothing to repair."""
        return not self.mistakes and not self.surprises


def check(path: Path, format: str = "table") -> int:
    """Check the policy at ``path`` and print the outcome: 0 as expected, 1 something to repair, 2 wrong usage."""
    if format not in FORMATS:
        sys.stderr.write(f"weir check: no format {format!r}; write --format {' or --format '.join(FORMATS)}\n")
        return 2
    if not path.is_file():
        sys.stderr.write(f"weir check: {path} is not a file; name a policy such as policies/observe.yaml\n")
        return 2
    report = look(path)
    if format == "json":
        sys.stdout.write(json.dumps(_as_json(report), indent=2) + "\n")
    else:
        _print(report)
    return 0 if report.good else 1


def look(path: Path) -> Report:
    """``examine``, and what stands beside the policy: the users file, files of keys, teams that nobody has."""
    report = examine(path)
    if report.settings is not None:
        more = [mistake for mistake in refused(report.settings) if mistake not in report.mistakes]
        found = (*report.mistakes, *more)
        # From the policy's top to its bottom, then what stands in other files.
        report.mistakes = tuple(sorted(found, key=lambda one: (one.file != report.file, one.file, one.line)))
        report.warnings = doubts(report.settings)
    return report


def examine(path: Path, tools_for: Callable[[Settings], Tools] | None = None) -> Report:
    """Check the policy at ``path``; everything wrong with it is in the report, nothing is raised for it."""
    try:
        settings = load(path)
    except PolicyError as error:
        return Report(str(path), mistakes=error.mistakes)
    try:
        tools = (tools_for or real_tools)(settings)
    except ToolError as error:
        return Report(str(path), mistakes=error.mistakes, settings=settings)
    incomplete: list[str] = []

    def scan(segments: Sequence[Segment]) -> Sequence[Finding]:
        findings, why = tools.scan(segments)
        if why and why not in incomplete:
            incomplete.append(why)
        return findings

    mistakes = not_asked_for(settings, unknown_words(settings, tools.vocabulary))
    surprises = run(Policy.compile(settings), scan, service_of=tools.service_of, expand=tools.expand)
    late = (
        settings.mistake(
            ("dlp",), f"its scan of an example ended early ({why})", "shorten the example or raise the limit"
        )
        for why in incomplete
    )
    return Report(
        str(path),
        mistakes=(*mistakes, *late),
        surprises=surprises,
        settings=settings,
        rules=len(settings.rules),
        examples=sum(len(rule.examples) for rule in settings.rules),
        without_examples=tuple(rule.id for rule in settings.rules if not rule.examples),
    )


class ToolError(Exception):
    """The detectors or the catalogue cannot be loaded with these settings."""

    def __init__(self, *mistakes: Mistake) -> None:
        self.mistakes = mistakes
        super().__init__("; ".join(str(mistake) for mistake in mistakes))


def real_tools(settings: Settings) -> Tools:
    """The detectors and the catalogue of this installation. Raises ToolError."""
    from weir.dlp.build import engine_without_exact
    from weir.dlp.rulebook.examples import expand
    from weir.shadow.catalogue import Catalogue
    from weir.shadow.opinion import RISKS, Opinion

    try:
        engine, names = engine_without_exact(settings.dlp)
    except (ValueError, OSError) as error:
        raise ToolError(detector_mistake(settings, error)) from None
    catalogue = Catalogue.load()
    services, opinion = catalogue.services, Opinion(catalogue, settings.services)

    def scan(segments: Sequence[Segment]) -> tuple[Sequence[Finding], str]:
        found = engine.scan(segments)
        return found.findings, "" if found.complete else found.reason

    def service_of(service_id: str) -> Service:
        return opinion.judge(services.get(service_id) or Service(service_id, service_id))

    vocabulary = Vocabulary(
        services=frozenset(services),
        vendors=frozenset(service.vendor for service in services.values()),
        categories=frozenset(service.category for service in services.values()),
        detectors=names,
        risks=frozenset(RISKS),
    )
    return Tools(scan, service_of, expand, vocabulary)


def _as_json(report: Report) -> dict[str, Any]:
    settings = report.settings
    return {
        "file": report.file,
        "ok": report.good,
        "mode": str(settings.mode) if settings else None,
        "policy_hash": settings.hash if settings else None,
        "rules": report.rules,
        "examples": report.examples,
        "rules_without_examples": list(report.without_examples),
        "mistakes": [dataclasses.asdict(mistake) for mistake in report.mistakes],
        "warnings": [dataclasses.asdict(warning) for warning in report.warnings],
        "surprises": [dataclasses.asdict(surprise) for surprise in report.surprises],
    }


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _print(report: Report) -> None:
    console = Console(file=sys.stdout, highlight=False)
    for line in (*report.mistakes, *report.surprises):
        # One line each, never wrapped: editors and grep read file:line.
        console.print(Text(str(line), style="red"), soft_wrap=True)
    for warning in report.warnings:
        shown = dataclasses.replace(warning, field=f"warning: {warning.field}")
        console.print(Text(str(shown), style="yellow"), soft_wrap=True)
    count = len(report.mistakes) + len(report.surprises)
    if count:
        console.print(Text(f"{report.file}: {count} to repair", style="bold red"), soft_wrap=True)
        return
    assert report.settings is not None
    told = (
        f"{_many(report.rules, 'rule')}, {_many(report.examples, 'example')} as expected, mode {report.settings.mode}"
    )
    console.print(
        Text(f"{report.file}: good ({told}, policy {report.settings.hash[:12]})", style="green"), soft_wrap=True
    )
    if report.without_examples:
        console.print(Text(f"without an example: {', '.join(report.without_examples)}", style="yellow"), soft_wrap=True)
