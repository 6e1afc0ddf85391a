"""Makes the labelled texts of the credential tests from their templates: the same ones on every machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import yaml

from weir.dlp.core.engine import Engine
from weir.dlp.rulebook.examples import expand
from weir.model import Segment

__all__ = ["Case", "Figures", "assignments", "figures", "near_misses", "tokens"]

_FOLDER = Path(__file__).parent / "dlp"
_FRAMES_A_TOKEN = 6
_COPIES = 21  # of each near miss, each with other values
_COVERED = 0.8  # of a credential that must be found for it to count


@dataclass(frozen=True, slots=True)
class Case:
    """One text and where its credentials stand (none in a near miss). ``kind`` is for the list of what was missed."""

    kind: str
    text: str
    spans: tuple[tuple[int, int], ...] = ()


def _load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def _camel(name: str) -> str:
    first, *rest = name.lower().split("_")
    return first + "".join(part.capitalize() for part in rest)


def _case(kind: str, frame: str, name: str, token: str, secret: str) -> Case:
    """``frame`` filled in. ``secret`` is what of the token may not leave; it is labelled everywhere it stands."""
    for mark, value in (("NAME", name), ("name", name.lower()), ("camel", _camel(name))):
        frame = frame.replace(f"‹{mark}›", value)
    text = frame.replace("‹words›", name.lower().replace("_", " ")).replace("‹T›", token)
    return Case(kind, text, tuple(match.span() for match in re.finditer(re.escape(secret), text)))


def tokens() -> Iterator[Case]:
    """Provider credentials in prose, code, logs, configuration, commands."""
    frames = _load("frames")
    plain, named = cycle([*frames["plain"], *frames["named"]]), cycle(frames["named"])
    for number, entry in enumerate(_load("tokens")["tokens"]):
        for copy in range(_FRAMES_A_TOKEN):
            token = expand(entry["token"], f"corpus/{number}/{copy}")
            secret = token
            if "secret" in entry:  # an address or a connection string: what follows this in it
                secret = re.split(r"[@;]", token[token.rindex(entry["secret"]) + len(entry["secret"]) :])[0]
            frame = next(named if entry.get("named") else plain)
            yield _case(f"{entry['of']} {entry['token']}", frame, entry["of"], token, secret)


def near_misses() -> Iterator[Case]:
    """Texts that only look as if they held a credential."""
    for number, template in enumerate(_load("near_misses")["texts"]):
        for copy in range(_COPIES):
            yield Case(template[:60], expand(template.replace("{{", "{"), f"near/{number}/{copy}"))


def assignments() -> Iterator[Case]:
    """Secrets by name in twelve formats, then lines of program text and configuration without one."""
    data = _load("assignments")
    values = cycle(data["secret_values"])
    for copy in range(2):
        for number, name in enumerate(data["secret_names"]):
            for form, template in data["formats"].items():
                value = expand(next(values), f"assign/{copy}/{number}/{form}")
                filled = template.replace("‹N›", name.upper()).replace("‹n›", name).replace("‹c›", _camel(name))
                text = f"# settings\n{filled.replace('‹v›', value)}debug = true\n"
                start = text.index(value, len("# settings\n") + (0 if name not in value else len(name)))
                yield Case(f"{form} {name} {value[:2]}", text, ((start, start + len(value)),))
    for number, template in enumerate(data["innocent"]):
        for word in data["words"]:
            yield Case(f"innocent {template[:50]!r}", expand(template.replace("‹w›", word), f"{number}/{word}"))


@dataclass(slots=True)
class Figures:
    """What an engine made of a corpus."""

    wanted: int = 0
    found: int = 0
    false: int = 0
    missed_kinds: dict[str, int] | None = None
    false_kinds: dict[str, int] | None = None

    @property
    def recall(self) -> float:
        """Of the credentials, the part that was found."""
        return self.found / self.wanted

    @property
    def precision(self) -> float:
        """Of the findings, the part that is a credential."""
        return self.found / (self.found + self.false)

    def told(self, title: str) -> str:
        """A paragraph for people."""
        lines = [f"{title}: recall {self.recall:.4f}, precision {self.precision:.4f} ({self.wanted} wanted)"]
        for what, kinds in (("missed", self.missed_kinds), ("false", self.false_kinds)):
            lines += [f"  {what} {count}× {kind}" for kind, count in sorted((kinds or {}).items())]
        return "\n".join(lines)


def figures(engine: Engine, cases: Sequence[Case]) -> Figures:
    """Run ``engine`` over ``cases``: findings of category secret against the labels."""
    made = Figures(missed_kinds={}, false_kinds={})
    assert made.missed_kinds is not None and made.false_kinds is not None
    for case in cases:
        scan = engine.scan([Segment("/0", "user", case.text)])
        assert scan.complete, scan.reason
        hits = [(f.start, f.end, f.detector) for f in scan.findings if f.category == "secret"]
        for start, end in case.spans:
            made.wanted += 1
            covered = {at for a, b, _ in hits for at in range(max(a, start), min(b, end))}
            if len(covered) >= _COVERED * (end - start):
                made.found += 1
            else:
                made.missed_kinds[case.kind] = made.missed_kinds.get(case.kind, 0) + 1
        for a, b, detector in hits:
            if not any(a < end and start < b for start, end in case.spans):
                made.false += 1
                kind = f"{detector} in {case.kind}"
                made.false_kinds[kind] = made.false_kinds.get(kind, 0) + 1
    return made
