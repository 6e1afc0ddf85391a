"""What an engine is made of, in a form that another process can be told: the policy's choices and two keys."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from weir.dlp.core.compiled import Store
from weir.dlp.core.detector import Detector, SecretDetector
from weir.dlp.personal.presidio import library_versions, load_detectors
from weir.dlp.rulebook.rules import load_rules

__all__ = ["Made", "Recipe"]

_FORMAT = "5"  # raise when the same rules would give other findings
_VERSION_HEX = 16


@dataclass(frozen=True, slots=True)
class Made:
    """The detectors of a recipe, and a version that changes when they would find something else."""

    detectors: tuple[Detector, ...]
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The choices of one policy. ``entities`` None is the default set; ``nlp`` "" is no language model."""

    rule_dirs: tuple[Path, ...] = ()
    entities: tuple[str, ...] | None = None
    packs: tuple[str, ...] = ()
    threshold: float = 0.5
    thresholds: Mapping[str, float] = field(default_factory=dict)
    nlp: str = ""
    exact: tuple[Path, ...] = ()
    exact_key: bytes = field(default=b"", repr=False)
    fingerprint_key: bytes = field(repr=False)
    findings_max: int = 200
    compiled: Path | None = None  # a folder of this deployment's own, for what takes long to compile

    def store(self) -> Store | None:
        """Where the compiled patterns are kept, if they are."""
        return None if self.compiled is None else Store(self.compiled, self.fingerprint_key)

    def make(self) -> Made:
        """Load all detectors; takes a second or two. Raises ValueError that says what to write, or OSError."""
        rules = load_rules(self.rule_dirs)
        more = (self.packs, self.thresholds) if self.packs or self.thresholds else ()
        personal = load_detectors(self.entities, self.threshold, *more)
        detectors: list[Detector] = [SecretDetector(rule) for rule in rules.rules if rule.score >= self.threshold]
        detectors += personal
        told = [_FORMAT, rules.digest, library_versions(), str(self.threshold), str(self.findings_max), self.nlp]
        told += sorted(f"{name}={value}" for name, value in self.thresholds.items())
        told += [f"packs {' '.join(sorted(self.packs))}"]
        told += sorted({detector.name for detector in personal})
        if self.exact and not self.exact_key:
            raise ValueError("exact_key is empty: give the key that the fingerprint files were made with")
        if self.exact:
            from weir.dlp.exact.exact import load_exact

            for path in self.exact:
                detectors.append(load_exact(path, self.exact_key))
                stat = path.stat()
                told.append(f"{path.name} {stat.st_size} {stat.st_mtime_ns}")
        if self.nlp:
            from weir.dlp.personal.ner import load_ner_detectors  # its library takes seconds to import

            names = load_ner_detectors(self.nlp, self.threshold, self.entities, self.thresholds)
            detectors += names
            told += [f"nlp {detector.name}" for detector in names]
        return Made(tuple(detectors), hashlib.sha256("\n".join(told).encode()).hexdigest()[:_VERSION_HEX])

    def dump(self) -> bytes:
        """The recipe as JSON, keys included: for a pipe to a process of our own, never for a file or a log."""
        return orjson.dumps(
            {
                "rule_dirs": [str(path.absolute()) for path in self.rule_dirs],
                "entities": self.entities,
                "packs": self.packs,
                "threshold": self.threshold,
                "thresholds": dict(self.thresholds),
                "nlp": self.nlp,
                "exact": [str(path.absolute()) for path in self.exact],
                "exact_key": base64.b64encode(self.exact_key).decode(),
                "fingerprint_key": base64.b64encode(self.fingerprint_key).decode(),
                "findings_max": self.findings_max,
                "compiled": None if self.compiled is None else str(self.compiled.absolute()),
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Recipe:
        """What `dump` wrote."""
        told = orjson.loads(data)
        return cls(
            rule_dirs=_paths(told["rule_dirs"]),
            entities=None if told["entities"] is None else tuple(told["entities"]),
            packs=tuple(told["packs"]),
            threshold=told["threshold"],
            thresholds=told["thresholds"],
            nlp=told["nlp"],
            exact=_paths(told["exact"]),
            exact_key=base64.b64decode(told["exact_key"]),
            fingerprint_key=base64.b64decode(told["fingerprint_key"]),
            findings_max=told["findings_max"],
            compiled=None if told["compiled"] is None else Path(told["compiled"]),
        )


def _paths(names: Sequence[str]) -> tuple[Path, ...]:
    return tuple(Path(name) for name in names)
