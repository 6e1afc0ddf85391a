"""The scanner: texts in, findings out, and an honest word on whether everything was looked at.

A text goes through the prefilter once; only the detectors that can match run. Whatever a library does (raise, take
too long, find too much) ends as ``complete=False`` with a reason that quotes nothing: never as an exception and never
as a clean result.
"""

from __future__ import annotations

import hashlib
import hmac
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weir.dlp.cache import ScanCache, Scanned, Span
from weir.dlp.detector import Detector, SecretDetector
from weir.dlp.overlaps import Hit, resolve
from weir.dlp.patterns import Deadline, OutOfTime
from weir.dlp.prefilter import ANALYSER_ERRORS, Prefilter
from weir.dlp.presidio import library_versions, load_detectors
from weir.dlp.rules import load_rules
from weir.dlp.views import normalised_view
from weir.model import Finding, Segment

__all__ = ["Engine", "Scan"]

# Time for one text, far above what honest text needs (60 µs a KB). It is given twice, first by the wall clock, which
# is cheap to read. Where that runs out the machine may only have been busy, so the second time is processor time:
# load alone refuses no request, and hostile text holds a worker for no more than twice as long.
_SECONDS_BASE = 0.08
_SECONDS_A_CHAR = 0.4e-6
_LATE = "out of time"  # the whole scan's, not one detector's
_FORMAT = "2"  # raise when the same rules would give other findings
_FINGERPRINT_HEX = 32
# What foreign code (validators, number libraries, the scanners) may raise on strange text.
_FAULTS: tuple[type[Exception], ...] = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
_SCANNER_FAULTS: tuple[type[Exception], ...] = ANALYSER_ERRORS + _FAULTS


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan found. ``reason`` says why it is not complete ("" when it is) and quotes nothing."""

    findings: tuple[Finding, ...] = ()
    complete: bool = True
    reason: str = ""
    scanned_chars: int = 0
    cached_chars: int = 0
    out_of_time: bool = False  # the time given to the whole scan ran out; given more, it may be complete


class Engine:
    """All detectors, ready. Immutable but for its cache; safe to use from several threads at once."""

    def __init__(
        self,
        detectors: Sequence[Detector],
        *,
        version: str,
        fingerprint_key: bytes,
        findings_max: int = 200,
        cache_entries: int = 20_000,
    ) -> None:
        self.version = version
        self._detectors = tuple(detectors)
        self._prefilter = Prefilter([detector.sources for detector in self._detectors])
        self._findings_max = findings_max
        self._too_many = f"more than {findings_max} findings"
        self._key = hmac.digest(fingerprint_key, b"weir-dlp-fingerprint", "sha256")
        self._cache = ScanCache(self._key, version, cache_entries)

    @classmethod
    def load(
        cls,
        *,
        rule_dirs: Sequence[Path] = (),
        entities: Sequence[str] | None = None,
        threshold: float = 0.5,
        fingerprint_key: bytes,
        findings_max: int = 200,
        cache_entries: int = 20_000,
    ) -> Engine:
        """An engine with the built-in rules, those below ``rule_dirs``, and detectors of ``entities``.

        ``entities`` are Presidio's names (None: the default set). ``fingerprint_key`` keys fingerprints and cache.
        Raises RuleError, UnknownEntity (both ValueError), or OSError for an unreadable directory.
        """
        if not fingerprint_key:
            raise ValueError("fingerprint_key is empty: give random bytes that this deployment keeps")
        rules = load_rules(rule_dirs)
        personal = load_detectors(entities, threshold)
        names = sorted({detector.name for detector in personal})
        told = "\n".join((_FORMAT, rules.digest, library_versions(), str(threshold), str(findings_max), *names))
        secrets = [SecretDetector(rule) for rule in rules.rules if rule.score >= threshold]
        return cls(
            [*secrets, *personal],
            version=hashlib.sha256(told.encode()).hexdigest()[:16],
            fingerprint_key=fingerprint_key,
            findings_max=findings_max,
            cache_entries=cache_entries,
        )

    @property
    def detectors(self) -> tuple[str, ...]:
        """The names that findings may carry, sorted."""
        return tuple(sorted({detector.name for detector in self._detectors}))

    @property
    def unfiltered(self) -> tuple[str, ...]:
        """Detectors that the prefilter could not take and that therefore run on every text."""
        return tuple(self._detectors[number].name for number in sorted(self._prefilter.always))

    def estimate_chars(self, segments: Sequence[Segment]) -> int:
        """Characters that ``scan`` would have to read now: those of texts that are not in the cache."""
        return sum(len(s.text) for s in segments if s.text and self._cache.key(s.text) not in self._cache)

    def scan(self, segments: Sequence[Segment], direction: str = "request", *, deadline_s: float | None = None) -> Scan:
        """Findings in all ``segments``, in order; ``direction`` is copied into each. Does not raise.

        After ``deadline_s`` seconds it ends, wherever it is, and what it returns is ``out_of_time``.
        """
        whole = None if deadline_s is None else Deadline(deadline_s)
        findings: list[Finding] = []
        reasons: list[str] = []
        scanned_chars = cached_chars = 0
        for index, segment in enumerate(segments):
            if not segment.text:
                continue
            if whole is not None and whole.spent():
                reasons += [] if _LATE in reasons else [_LATE]
                break
            key = self._cache.key(segment.text)
            result = self._cache.get(key)
            if result is None:
                result, final = self._scan_text(segment.text, whole)
                scanned_chars += len(segment.text)
                if final:
                    self._cache.put(key, result)
            else:
                cached_chars += len(segment.text)
            if result.reason and result.reason not in reasons:
                reasons.append(result.reason)
            findings += (_finding(index, span, direction) for span in result.spans)
            if len(findings) > self._findings_max:
                reasons += [] if self._too_many in reasons else [self._too_many]
                del findings[self._findings_max :]
                break
        late = bool(reasons) and whole is not None and whole.spent()
        return Scan(tuple(findings), not reasons, "; ".join(reasons), scanned_chars, cached_chars, late)

    def _scan_text(self, text: str, whole: Deadline | None) -> tuple[Scanned, bool]:
        """The result for one text, and whether another scan could not do better (then it may be kept)."""
        hits: list[Hit] = []
        reasons = self._run(text, hits, whole)
        try:
            view = normalised_view(text, whole)
        except OutOfTime:
            view = None
            reasons.append(_LATE)
        if view is not None:
            seen: list[Hit] = []
            reasons += self._run(view.text, seen, whole)
            hits += [(*view.origin(start, end), score, severity, name) for start, end, score, severity, name in seen]
        resolved = resolve(hits)
        if len(resolved) > self._findings_max:
            reasons.append(self._too_many)
        spans = tuple(
            Span(name, severity, start, end, score, self._fingerprint(name, text[start:end]))
            for start, end, score, severity, name in resolved[: self._findings_max + 1]
        )
        final = all(reason == self._too_many for reason in reasons)
        return Scanned(spans, "; ".join(dict.fromkeys(reasons))), final

    def _run(self, text: str, hits: list[Hit], whole: Deadline | None) -> list[str]:
        """Run the detectors that may match ``text``, adding to ``hits``. Returns why that was not all, if so."""
        try:
            numbers = sorted(self._prefilter.hits(text, whole))
        except OutOfTime:
            return [_LATE]
        except _SCANNER_FAULTS as error:
            return [f"{type(error).__name__} in the prefilter"]
        if not numbers:
            return []  # as for most texts, and then a clock costs as much as all the rest
        seconds = _SECONDS_BASE + _SECONDS_A_CHAR * len(text)
        deadline, second_chance = Deadline(seconds, within=whole), True
        reasons: list[str] = []
        for number in numbers:
            detector = self._detectors[number]
            try:
                found, all_found = self._find(detector, text, deadline)
            except TimeoutError:
                if whole is not None and whole.spent():
                    return [*reasons, _LATE]
                if second_chance:
                    deadline, second_chance = Deadline(seconds, time.thread_time, within=whole), False
                    numbers.append(number)
                else:
                    reasons.append(f"out of time in {detector.name}")
                continue
            except _FAULTS as error:
                reasons.append(f"{type(error).__name__} in {detector.name}")
                continue
            hits += found
            reasons += [] if all_found else [self._too_many]
        return reasons

    def _find(self, detector: Detector, text: str, deadline: Deadline) -> tuple[list[Hit], bool]:
        """The hits of one detector, and whether they are all; a few more than a scan may report are enough."""
        found: list[Hit] = []
        for start, end, score in detector.find(text, deadline):
            found.append((start, end, score, detector.severity, detector.name))
            if len(found) > self._findings_max:
                return found, False
        return found, True

    def _fingerprint(self, name: str, value: str) -> str:
        """The same for the same value however it is written, so that reports can count distinct ones."""
        plain = unicodedata.normalize("NFKC", value)
        category = name.partition("/")[0]
        if category != "secret":
            plain = "".join(character for character in plain.casefold() if character not in " -./()\u00a0")
        data = f"{category}\0{plain}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, data, "sha256").hex()[:_FINGERPRINT_HEX]


def _finding(index: int, span: Span, direction: str) -> Finding:
    return Finding(
        detector=span.detector,
        category=span.detector.partition("/")[0],
        segment=index,
        start=span.start,
        end=span.end,
        score=span.score,
        severity=span.severity,
        fingerprint=span.fingerprint,
        direction=direction,
    )
