"""Findings as SARIF 2.1.0 (OASIS), the form that code scanning tools read. It holds places, never matched text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from weir.cli.scanning import Located

__all__ = ["as_sarif"]

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"low": "note", "medium": "warning", "high": "error", "critical": "error"}
_SECURITY = {"low": "3.0", "medium": "5.5", "high": "8.0", "critical": "9.5"}  # how code scanning ranks them


def as_sarif(
    findings: Sequence[Located],
    descriptions: Mapping[str, str],
    incomplete: Sequence[tuple[str, str]],
    version: str,
) -> dict[str, Any]:
    """One SARIF log of one run. Columns count characters (code points) from 1, offsets characters from 0.

    A finding inside a document has no line of the file: it names the file and says in the message where it is.
    """
    names = sorted({found.detector for found in findings})
    severities = {found.detector: found.severity for found in findings}
    index = {name: number for number, name in enumerate(names)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "weir",
                        "semanticVersion": version,
                        "rules": [_rule(name, descriptions.get(name, name), severities[name]) for name in names],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": not incomplete,
                        "toolExecutionNotifications": [_notice(file, reason) for file, reason in incomplete],
                    }
                ],
                "results": [_result(found, index[found.detector], descriptions) for found in findings],
            }
        ],
    }


def _rule(name: str, description: str, severity: str) -> dict[str, Any]:
    return {
        "id": name,
        "name": name,
        "shortDescription": {"text": description},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {"tags": ["security", name.partition("/")[0]], "security-severity": _SECURITY[severity]},
    }


def _result(found: Located, number: int, descriptions: Mapping[str, str]) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(found.file)}}
    if not found.where:
        place["region"] = {
            "startLine": found.line,
            "startColumn": found.column,
            "endLine": found.end_line,
            "endColumn": found.end_column,
            "charOffset": found.start,
            "charLength": found.end - found.start,
        }
    message = descriptions.get(found.detector, found.detector) + (f" ({found.where})" if found.where else "")
    properties: dict[str, Any] = {"score": found.score, "severity": found.severity, "category": found.category}
    if found.action:
        properties["action"] = found.action
    return {
        "ruleId": found.detector,
        "ruleIndex": number,
        "level": _LEVELS[found.severity],
        "message": {"text": message},
        "locations": [{"physicalLocation": place}],
        "properties": properties,
    }


def _notice(file: str, reason: str) -> dict[str, Any]:
    return {
        "level": "error",
        "message": {"text": f"not all of it was looked at: {reason}"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(file)}}}],
    }


def _uri(file: str) -> str:
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
