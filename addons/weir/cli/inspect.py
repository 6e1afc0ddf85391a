"""``weir inspect``: recorded traffic through the parsers of a running weir, one line an exchange."""

from __future__ import annotations

import json
import sys
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weir.cli.options import DATA, DataOption, FormatOption, PolicyOption
from weir.cli.output import Progress, clean, console, fail, many, note, table, write

if TYPE_CHECKING:
    from weir.cli.inspecting import Inspected, Inspector

__all__ = ["inspect"]

PAGE_ROWS = 500  # of a table: what is held before it is shown
_HEADS = (
    "#", "service", "operation", "dialect", "model", "stream", "status", "in", "out", "usage", "usd", "tools",
    "findings", "inspection",
)  # fmt: skip
_NARROW = frozenset({"#", "service", "model", "in", "out", "usd", "findings", "inspection", "verdict"})
_TOOLS_SHOWN = 3


@dataclass(slots=True)
class _Seen:
    """What a whole file held."""

    exchanges: int = 0
    not_ai: int = 0
    other: Tally[str] = field(default_factory=Tally)
    findings: int = 0
    unread: int = 0
    nano_usd: int = 0
    unpriced: int = 0


def inspect(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A HAR file, as browsers save and mitmdump --set hardump=FILE writes; or flows of mitmdump -w FILE.",
        ),
    ],
    policy: PolicyOption = None,
    format: FormatOption = "table",
    data: DataOption = DATA,
) -> None:
    """Say what recorded traffic was: service, wire format, model, tokens, cost, tools, findings. No content is shown.

    Detectors and prices are those of --policy, and with one every line says what it would have decided, were the caller
    known and entitled. Exit code 0: everything was read and nothing was found; 1: something
    was found, could not be inspected, or the file is damaged; 2: wrong usage, or a file that can't be read.
    """
    from weir.cli.recordings import RecordingError

    if not file.is_file():
        raise fail("inspect", f"there is no file {file}" if not file.exists() else f"{file} is no file", 2)
    progress = Progress("inspect")
    seen = _Seen()
    heads = (*_HEADS, "verdict") if policy else _HEADS
    trouble = ""
    page: list[list[object]] = []
    try:
        for one in _lines(lambda: _inspector(policy, data), file, progress, seen):
            if format == "json":
                write(json.dumps(_as_json(one)) + "\n")  # control characters of a terminal stay escaped
                continue
            page.append([*_row(one), *([_verdict(one)] if policy else [])])
            if len(page) >= PAGE_ROWS:
                progress.clear()
                _show(page, heads)
    except RecordingError as error:
        trouble = str(error)
    except BrokenPipeError:
        raise  # of stdout: whoever reads the lines has seen enough
    except OSError as error:
        raise fail("inspect", f"{file} cannot be read ({error.strerror or type(error).__name__})", 2) from None
    finally:
        progress.clear()
        sys.stdout.flush()
    _show(page, heads)
    if seen.exchanges or seen.not_ai or seen.other or not trouble:
        _summary(seen)
    if trouble:
        raise fail("inspect", f"{file} {trouble}", 1 if seen.exchanges or seen.not_ai else 2)
    if seen.findings or seen.unread:
        raise typer.Exit(1)


def _inspector(policy: Path | None, data: Path) -> Inspector:
    from weir.cli.inspecting import Inspector
    from weir.cli.prices import prices_for
    from weir.cli.scan import engine_for, load_policy
    from weir.places import shared_tokenizers
    from weir.policy.decide import Policy
    from weir.providers.services.registry import Registry
    from weir.providers.wire import depth
    from weir.shadow.catalogue import Catalogue
    from weir.usage.tokens import Counter

    settings = load_policy("inspect", policy)
    depth.take(settings.limits.json_depth_max)
    return Inspector(
        settings,
        Registry.load(),
        Catalogue.load(),
        engine_for("inspect", settings, data),
        prices_for("inspect", policy, data),
        Counter.load(data / "tokenizers", shared_tokenizers()),
        Policy.compile(settings) if policy else None,
    )


def _lines(load: Callable[[], Inspector], file: Path, progress: Progress, seen: _Seen) -> Iterator[Inspected]:
    """One line an AI exchange; what else there is counts into ``seen``. Raises RecordingError, OSError."""
    from weir.cli.recordings import read

    inspector: Inspector | None = None  # takes a second to load, which a file that can't be read need not wait for
    from weir.model import Inspection

    total = file.stat().st_size
    for one in read(file, lambda done: progress(done, max(total, done))):
        if one.other:
            seen.other[one.other] += 1
            continue
        inspector = inspector or load()
        line = inspector.inspect(one)
        if line is None:
            seen.not_ai += 1
            continue
        seen.exchanges += 1
        seen.findings += sum(line.findings.values())
        seen.unread += line.inspection in (Inspection.UNPARSED, Inspection.FAILED)
        seen.nano_usd += line.cost.nano_usd or 0
        seen.unpriced += line.cost.nano_usd is None
        yield line


def _row(one: Inspected) -> list[object]:
    usage = one.usage
    counted = usage.source != "none"
    names = [*one.calls, *(f"({name})" for name in one.tools if name not in one.calls)]
    more = len(names) - _TOOLS_SHOWN
    found = ", ".join(f"{name} x{count}" if count > 1 else name for name, count in sorted(one.findings.items()))
    return [
        one.number,
        one.service,
        one.operation or "-",
        one.dialect or "-",
        one.model or "-",
        "stream" if one.stream else "-",
        one.status,
        usage.input_tokens if counted else None,
        usage.output_tokens if counted else None,
        usage.source,
        _usd(one),
        ", ".join(names[:_TOOLS_SHOWN]) + (f" and {more} more" if more > 0 else "") or "-",
        found or "-",
        f"{one.inspection}: {one.reason}" if one.reason else str(one.inspection),
    ]


def _usd(one: Inspected) -> str:
    nano = one.cost.nano_usd
    return "unpriced" if nano is None else f"{Decimal(nano) / 10**9:.6f}"


def _verdict(one: Inspected) -> str:
    return f"{one.action} ({one.rule})" if one.rule else one.action


def _show(page: list[list[object]], heads: Sequence[str]) -> None:
    """Print and empty a page: all columns unbroken, or in a terminal that is too narrow the most needed ones."""
    from weir.cli.layout import GAP

    if not page:
        return
    out = console()
    widths = [max(len(clean(row[index])) for row in (heads, *page)) for index in range(len(heads))]
    if not out.is_terminal or sum(widths) + GAP * (len(heads) - 1) <= out.width:
        table(heads, page, whole=True)
    else:
        some = [index for index, head in enumerate(heads) if head in _NARROW]
        table([heads[index] for index in some], [[row[index] for index in some] for row in page], stack=False)
        note("more columns in a wider window, into a file, or with --format json")
    page.clear()


def _as_json(one: Inspected) -> dict[str, Any]:
    usage = one.usage
    judged = {"verdict": {"action": one.action, "rule": one.rule}} if one.action else {}
    return {
        "number": one.number, "at": one.at, "method": one.method, "host": one.host, "service": one.service,
        "dialect": one.dialect, "operation": one.operation, "model": one.model, "stream": one.stream,
        "status": one.status, "segments": one.segments, "messages": one.messages,
        "usage": {
            "source": usage.source, "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens,
            "cache_read_tokens": usage.cache_read_tokens, "cache_write_tokens": usage.cache_write_tokens,
            "reasoning_tokens": usage.reasoning_tokens,
        },
        "cost": {"nano_usd": one.cost.nano_usd, "price_id": one.cost.price_id},
        "tools": list(one.tools), "tool_calls": list(one.calls),
        "findings": [
            {
                "detector": name, "count": count, "in_reply": one.reply_findings.get(name, 0),
            }
            for name, count in sorted(one.findings.items())
        ],
        "inspection": str(one.inspection), "reason": one.reason, **judged,
    }  # fmt: skip


def _summary(seen: _Seen) -> None:
    parts = [f"{many(seen.exchanges, 'AI exchange')}, ${Decimal(seen.nano_usd) / 10**9:.6f}"]
    if seen.unpriced:
        parts.append(f"{seen.unpriced:,} unpriced")
    parts.append(many(seen.findings, "finding"))
    if seen.unread:
        parts.append(f"{seen.unread:,} not inspected")
    if seen.not_ai:
        parts.append(f"{seen.not_ai:,} of no AI service")
    parts += [f"{count:,} {kind}, not HTTP" for kind, count in sorted(seen.other.items())]
    note("; ".join(parts))
