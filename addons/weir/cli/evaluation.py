"""What ``weir dlp evaluate`` does: run the policy's detectors on labelled texts and tell how they came out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from weir.cli.output import clean, fail, many, note, table, write, write_json
from weir.cli.scan import engine_for, load_policy
from weir.dlp.evaluate import Evaluation, Label, LabelledError, Sample, Span, evaluate, labels_of, read_samples
from weir.model import Finding, Segment

__all__ = ["run"]

COMMAND = "dlp evaluate"
SHOWN_MAX = 20  # misses and false finds of a label in the table


def run(
    labelled: Path, policy: Path | None, maps: Sequence[str], min_recall: float, min_precision: float, show: bool,
    data: Path, format: str,
) -> int:  # fmt: skip
    """Evaluate and print; 0, or 1 when a label is below a minimum or not all texts could be looked at."""
    if not labelled.is_file():
        raise fail(COMMAND, f"{labelled} is not a file; name one with a JSON object a line", 2)
    settings = load_policy(COMMAND, policy)
    try:
        with labelled.open("rb") as file:
            samples = list(read_samples(file, str(labelled)))
    except LabelledError as error:
        raise fail(COMMAND, str(error), 2) from None
    except OSError as error:
        raise fail(COMMAND, f"{labelled} cannot be read ({error.strerror or type(error).__name__})", 2) from None
    engine = engine_for(COMMAND, settings, data)
    incomplete: list[str] = []

    def find(text: str) -> Sequence[Finding]:
        scan = engine.scan([Segment("/text", "user", text)])
        if not scan.complete and scan.reason not in incomplete:
            incomplete.append(scan.reason)
        return scan.findings

    mapped = _mapped(maps, engine.detectors)
    outcome = evaluate(samples, find, mapped)
    if format == "json":
        write_json(_as_json(outcome, incomplete))
    else:
        _print(outcome)
    if show:
        _show(outcome, samples)
    for reason in incomplete:
        note(f"weir {COMMAND}: not all texts could be looked at: {reason}")
    answered = frozenset[str]().union(*(labels_of(name, mapped) for name in engine.detectors))
    for name in map(clean, sorted(set(outcome.labels) - answered)):
        note(f"weir {COMMAND}: no detector of this policy counts for {name}; turn one on, or --map {name}=…")
    low = [*_below(outcome, "recall", min_recall), *_below(outcome, "precision", min_precision)]
    for line in low:
        note(f"weir {COMMAND}: {line}")
    return 1 if low or incomplete else 0


def _mapped(maps: Sequence[str], detectors: Sequence[str]) -> Mapping[str, frozenset[str]]:
    labels: dict[str, set[str]] = defaultdict(set)
    for text in maps:
        label, _, pattern = text.partition("=")
        found = [name for name in detectors if fnmatchcase(name, pattern)]
        if not label or not found:
            raise fail(COMMAND, "--map is LABEL=DETECTOR, and the policy has such a detector: weir dlp rules", 2)
        for name in found:
            labels[name].add(label)
    return {name: frozenset(given) for name, given in labels.items()}


def _below(outcome: Evaluation, measure: str, least: float) -> Iterator[str]:
    for name, label in sorted(outcome.labels.items()):
        value: float | None = getattr(label, measure)
        if value is not None and value < least:
            yield f"{measure} of {clean(name)} is {value:.3f}, below {least:g}"


def _as_json(outcome: Evaluation, incomplete: Sequence[str]) -> dict[str, Any]:
    return {
        "texts": outcome.texts,
        "chars": outcome.chars,
        "complete": not incomplete,
        "incomplete": list(incomplete),
        "all": _row(outcome.all),
        "labels": {
            name: _row(label)
            | {
                "misses": [{"line": span.line, "start": span.start, "end": span.end} for span in label.misses],
                "false_finds": [
                    {"line": span.line, "start": span.start, "end": span.end, "detector": span.detector}
                    for span in label.false
                ],
            }
            for name, label in sorted(outcome.labels.items())
        },
    }


def _row(label: Label) -> dict[str, Any]:
    return {
        "marked": label.found + label.missed, "found": label.found, "missed": label.missed, "right": label.right,
        "wrong": label.wrong, "recall": label.recall, "precision": label.precision, "f1": label.f1,
    }  # fmt: skip


def _print(outcome: Evaluation) -> None:
    if not outcome.labels:
        note("nothing is marked, and nothing was found")
        return
    rows = [_cells(name, label) for name, label in sorted(outcome.labels.items())]
    if len(rows) > 1:
        rows.append(_cells("all", outcome.all))
    table(("label", "recall", "precision", "f1", "marked", "missed", "false"), rows, stack=False)
    for name, label in sorted(outcome.labels.items()):
        for what, spans in (("missed", label.misses), ("false", label.false)):
            if spans:
                places = ", ".join(f"{span.line}:{span.start}-{span.end}" for span in spans[:SHOWN_MAX])
                more = f" and {len(spans) - SHOWN_MAX} more" if len(spans) > SHOWN_MAX else ""
                write(f"{clean(name)}, {what} (line:start-end): {places}{more}\n")
    note(f"{many(outcome.texts, 'text')}, {many(outcome.chars, 'character')}")


def _cells(name: str, label: Label) -> tuple[object, ...]:
    shares = ("-" if value is None else f"{value:.3f}" for value in (label.recall, label.precision, label.f1))
    return (name, *shares, label.found + label.missed, label.missed, label.wrong)


def _show(outcome: Evaluation, samples: Sequence[Sample]) -> None:
    """The texts, on stderr: asked for by a person who looks at it, and no part of the data that is kept."""
    texts = {sample.line: sample.text for sample in samples}

    def told(what: str, name: str, span: Span) -> None:
        text, start, end = texts[span.line], span.start, span.end
        shown = clean(f"{text[max(0, start - 30) : start]}[{text[start:end]}]{text[end : end + 30]}").replace("\n", " ")
        note(f"{clean(name)}, {what} in line {span.line}: {shown}")

    for name, label in sorted(outcome.labels.items()):
        for span in label.misses[:SHOWN_MAX]:
            told("missed", name, span)
        for span in label.false[:SHOWN_MAX]:
            told(f"false find of {span.detector}", name, span)
