"""``scripts/soak MINUTES``: a soak with its progress, a table of what was found, and 0 or 1 at the end."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from soak.run import Found, soak
from soak.site import Options

TELL_S = 10.0


def _arguments() -> tuple[Options, argparse.Namespace]:
    parser = argparse.ArgumentParser(
        prog="scripts/soak", description="Mixed traffic through one real weir, and a reckoning of every request."
    )
    plain = Options()
    parser.add_argument("minutes", type=float, nargs="?", default=plain.minutes, help="how long (10)")
    parser.add_argument("--workers", type=int, default=plain.workers, help="processes of weir (1)")
    parser.add_argument("--rate", type=float, default=plain.rate, help="visits a second, some two requests each (8)")
    parser.add_argument("--clients", type=int, default=plain.clients, help="client processes (2)")
    parser.add_argument("--visitors", type=int, default=plain.visitors, help="at a time, of each client process (12)")
    parser.add_argument("--warm-s", type=float, default=plain.warm_s, help="seconds of load before it is measured")
    parser.add_argument("--trouble-s", type=float, default=plain.trouble_s, help="seconds between two troubles (100)")
    parser.add_argument("--slope-kb", type=float, default=plain.slope_kb, help="KB/min that count as flat (2048)")
    parser.add_argument("--seed", type=int, default=plain.seed)
    parser.add_argument("--json", action="store_true", help="the result as JSON on stdout")
    parser.add_argument("--keep", type=Path, help="where everything is written, and kept")
    given = parser.parse_args()
    names = {one.name for one in dataclasses.fields(Options)}
    return Options(**{name: value for name, value in vars(given).items() if name in names}), given


def _line(phase: str, now: dict[str, Any]) -> str:
    memory = "  ".join(f"{name.partition(' ')[0]} {mb} MB" for name, mb in now["mb"].items())
    return (
        f"{int(now['seconds']) // 60}:{int(now['seconds']) % 60:02d} {phase}: {now['exchanges']} exchanges, "
        f"{now['open']} open, {now['lag_bytes'] // 1024} KB behind, {now['troubles']} troubles; {memory}"
    )


def _teller(status: Callable[[str], None] | None) -> Callable[[str, dict[str, Any]], None]:
    last = [0.0]

    def tell(phase: str, now: dict[str, Any]) -> None:
        if status is not None:
            status(_line(phase, now))
        elif time.monotonic() - last[0] >= TELL_S:
            last[0] = time.monotonic()
            print(_line(phase, now), file=sys.stderr, flush=True)

    return tell


def _show(found: Found) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 120)
    outcomes = Table("what clients did → what the audit has", "requests", title="Every request, once")
    for name, count in sorted(found.outcomes.items()):
        outcomes.add_row(name, str(count))
    console.print(outcomes)
    processes = Table(title="Processes under load (first, last, most)")
    for column in ("", "seconds", "MB", "KB/min", "descriptors", "threads"):
        processes.add_column(column, justify="right" if column else "left")
    for one in found.processes:
        rise = f"{one['kb_per_min']:+.0f}" + (f" ± {one['error']:.0f}" if one["error"] is not None else "")
        processes.add_row(
            f"{one['role']} {one['pid']}",
            str(one["seconds"]),
            " ".join(map(str, one["mb"])),
            rise if one["judged"] else f"({rise})",
            " ".join(map(str, one["descriptors"])),
            " ".join(map(str, one["threads"])),
        )
    console.print(processes, "in brackets: too short to be judged" if processes.row_count else "")
    for name, value in found.figures.items():
        told = ", ".join(f"{key} {one:g}" for key, one in value.items()) if isinstance(value, dict) else value
        console.print(f"{name.replace('_', ' ')}: {told}", highlight=False)
    console.print(f"troubles: {', '.join(found.troubles) or 'none'}", highlight=False)
    for reason in found.wrong:
        console.print(f"[red]wrong:[/] {reason.replace('[', chr(92) + '[')}", highlight=False)
    console.print("[red]not held[/]" if found.wrong else "[green]all held[/]")


def main() -> int:
    """The command line: 0 when all held, 1 when something did not."""
    options, given = _arguments()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="weir-soak-"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status("starting") as shown:
            found = soak(folder, options, _teller(lambda text: shown.update(text)))
    else:
        found = soak(folder, options, _teller(None))
    (folder / "result.json").write_text(json.dumps(vars(found)))
    if given.json:
        print(json.dumps({"ok": not found.wrong, **vars(found)}, indent=1))
    else:
        _show(found)
    if found.wrong or given.keep:
        print(f"everything that was written is in {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if found.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
