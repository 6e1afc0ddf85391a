"""Runs the detectors over one text, each where the prefilter saw something, and settles what they found.

Whatever a library does (raise, take too long, find too much) ends as a reason that quotes nothing: never as an
exception and never as a clean result.
"""

from __future__ import annotations

import hmac
import time
import unicodedata
from collections.abc import Iterable, Sequence

from weir.dlp.core.cache import Scanned, Span
from weir.dlp.core.compiled import Store
from weir.dlp.core.detector import Detector, SecretDetector
from weir.dlp.core.overlaps import Hit, resolve
from weir.dlp.core.patterns import Deadline, Marked, OutOfTime
from weir.dlp.core.prefilter import ANALYSER_ERRORS, Located, Prefilter
from weir.dlp.views import gate, readings
from weir.dlp.views.joins import CATEGORIES
from weir.dlp.views.reader import reads_plainly

__all__ = ["LATE", "NOTHING", "Scanner", "derived_key"]

# Time for one text with all its readings, far above what honest text needs (50 µs a KB).
_SECONDS_BASE = 0.04
_SECONDS_A_CHAR = 0.4e-6
_SLOW_SECONDS_A_CHAR = 40e-6  # with a language model
NOTHING = Scanned()
_PLAIN_BYTES_MAX = 64 * 1024  # a longer text is looked at with an eye on the clock
_WARM_CHARS = 64  # long enough to be looked at for what is encoded
LATE = "out of time"  # the whole scan's, not one detector's
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


class _Budget:
    """The time for one text. It is given twice, first by the wall clock, which is cheap to read.

    Where that runs out the machine may only have been busy, so the second time is processor time: load alone refuses
    no request, and hostile text holds a worker for no more than twice as long.
    """

    def __init__(self, seconds: float, whole: Deadline | None) -> None:
        self._seconds = seconds
        self._whole = whole
        self._deadline: Deadline | None = None
        self._second = False

    def deadline(self) -> Deadline:
        """What a search has now. The time begins when this is first asked."""
        if self._deadline is None:
            self._deadline = Deadline(self._seconds, within=self._whole)
        return self._deadline

    def again(self) -> bool:
        """Begin the second time; False when it had begun before."""
        if self._second:
            return False
        self._second = True
        self._deadline = Deadline(self._seconds, time.thread_time, within=self._whole)
        return True

    def anew(self, lost: float) -> None:
        """Begin as at first: ``lost`` seconds went into something else."""
        self._deadline, self._second = None, False
        if self._whole is not None:
            self._whole.give(lost)

    def over(self) -> bool:
        """True when it is the whole scan's time that ran out."""
        return self._whole is not None and self._whole.spent()


class Scanner:
    """All detectors behind one prefilter. Immutable; safe to use from several threads at once."""

    def __init__(
        self,
        detectors: Sequence[Detector],
        *,
        key: bytes,
        findings_max: int,
        slow: bool = False,
        store: Store | None = None,
    ) -> None:
        """``key`` keys the fingerprints. With ``slow`` there is a detector that reads as slowly as a model does.

        ``store`` keeps what takes long to compile.
        """
        self._seconds_a_char = _SLOW_SECONDS_A_CHAR if slow else _SECONDS_A_CHAR
        self.detectors = tuple(detectors)
        self._store = store
        # Patterns that are compiled when they are first run, which must not take a text's time.
        self._waiting = {n: rule.prepare for n, rule in enumerate(detectors) if isinstance(rule, SecretDetector)}
        self.prefilter = Prefilter([detector.sources for detector in self.detectors], store)
        self.findings_max = findings_max
        self.too_many = f"more than {findings_max} findings"
        self._key = key
        self._among: dict[tuple[str, ...], frozenset[int]] = {}

    def ready(self) -> None:
        """Make ready what the very first text would have to wait for: takes 0.2 s once, later a few milliseconds."""
        gate.prepare(self._store)
        readings(" " * _WARM_CHARS)

    def warm(self) -> None:
        """Make ready now what the first text of its kind would have to wait for: takes seconds, on any thread."""
        self.ready()
        self.prefilter.warm()
        self._prepare(range(len(self.detectors)))

    def _prepare(self, numbers: Iterable[int]) -> bool:
        """Compile the patterns of these detectors, where that was put off; False when there was nothing to do."""
        some = False
        for number in numbers:
            prepare = self._waiting.pop(number, None)
            if prepare is not None:
                prepare()
                some = True
        return some

    def glance(self, text: str, data: bytes) -> bool:
        """Whether one look shows that a whole `scan` of ``text`` would find nothing: some 15 µs a KB, and hostile text
        takes no longer. False says nothing. Does not raise."""
        try:
            return len(data) <= _PLAIN_BYTES_MAX and self.prefilter.is_idle(data) and reads_plainly(text)
        except _SCANNER_FAULTS:
            return False

    def scan(self, text: str, data: bytes, whole: Deadline | None, *, seam: bool = False) -> tuple[Scanned, bool]:
        """The result for ``text``, and whether another scan could not do better (then it may be kept).

        ``data`` is the text in UTF-8 (lone surrogates passed on). With ``seam`` it was put together from several texts
        and only what may be split (`joins.CATEGORIES`) is looked for. Does not raise.
        """
        only = CATEGORIES if seam else ()
        located = self._located(data, whole)
        if not (isinstance(located, str) or located.items) and len(data) <= _PLAIN_BYTES_MAX and _is_plain(text):
            return NOTHING, True  # as most texts
        hits: list[Hit] = []
        budget = _Budget(_SECONDS_BASE + self._seconds_a_char * len(text), whole)
        reasons = self._run(text, located, hits, budget, only)
        read: dict[tuple[int, int, str], str] = {}  # what a hit in another reading says, for its fingerprint
        reading = readings(text, whole)
        reasons += [reading.reason] if reading.reason else []
        for other in reading.views:
            seen: list[Hit] = []
            among = tuple(name for name in other.categories if name in only) if only else ()
            places = self._located(_encoded(other.text), whole)
            reasons += self._run(other.text, places, seen, budget, among or other.categories)
            for start, end, score, severity, name in seen:
                origin = other.origin(start, end)
                read.setdefault((*origin, name), other.text[start:end])
                hits.append((*origin, score, severity, name))
        resolved = resolve(hits)
        if len(resolved) > self.findings_max:
            reasons.append(self.too_many)
        spans: list[Span] = []
        for start, end, score, severity, name in resolved[: self.findings_max + 1]:
            value = read.get((start, end, name), text[start:end])
            spans.append(Span(name, severity, start, end, score, self._fingerprint(name, value)))
        # What could not be read for want of room would not be read next time either.
        final = all(reason in (self.too_many, reading.reason) and reason != LATE for reason in reasons)
        return Scanned(tuple(spans), "; ".join(dict.fromkeys(reasons))), final

    def _located(self, data: bytes, whole: Deadline | None) -> Located | str:
        """The detectors that may match a text with these bytes, and where; or why that can't be said."""
        try:
            return self.prefilter.locate(data, whole)
        except OutOfTime:
            return LATE
        except _SCANNER_FAULTS as error:
            return f"{type(error).__name__} in the prefilter"

    def _run(
        self,
        text: str,
        located: Located | str,
        hits: list[Hit],
        budget: _Budget,
        categories: tuple[str, ...],
    ) -> list[str]:
        """Run the detectors that may match ``text``, adding to ``hits``. Returns why that was not all, if so.

        ``categories`` are those that are looked for; () is all.
        """
        if isinstance(located, str):
            return [located]
        numbers = sorted(located.items & self._of(categories) if categories else located.items)
        if not numbers:
            return []  # as for most texts, and then a clock costs as much as all the rest
        begun = time.monotonic() if self._waiting else 0.0
        if self._waiting and self._prepare(numbers):
            budget.anew(time.monotonic() - begun)  # compiling was not this text's doing, and is done once
        if located.places:
            text = Marked(text, located.places)
        reasons: list[str] = []
        for number in numbers:
            detector = self.detectors[number]
            try:
                found, all_found = self._find(detector, text, budget.deadline())
            except TimeoutError:
                if budget.over():
                    return [*reasons, LATE]
                if budget.again():
                    numbers.append(number)
                else:
                    reasons.append(f"out of time in {detector.name}")
                continue
            except _FAULTS as error:
                reasons.append(f"{type(error).__name__} in {detector.name}")
                continue
            hits += found
            reasons += [] if all_found else [self.too_many]
        return reasons

    def _of(self, categories: tuple[str, ...]) -> frozenset[int]:
        """The numbers of the detectors whose findings are of ``categories``."""
        known = self._among.get(categories)
        if known is None:
            known = self._among[categories] = frozenset(
                number for number, one in enumerate(self.detectors) if one.name.partition("/")[0] in categories
            )
        return known

    def _find(self, detector: Detector, text: str, deadline: Deadline) -> tuple[list[Hit], bool]:
        """The hits of one detector, and whether they are all; a few more than a scan may report are enough."""
        found: list[Hit] = []
        for start, end, score in detector.find(text, deadline):
            found.append((start, end, score, detector.severity, detector.name))
            if len(found) > self.findings_max:
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


def _is_plain(text: str) -> bool:
    try:
        return reads_plainly(text)
    except _SCANNER_FAULTS:
        return False  # whoever looks for readings meets the same, and tells of it


def derived_key(fingerprint_key: bytes) -> bytes:
    """The key for fingerprints and cache: the deployment's own is used for nothing else."""
    return hmac.digest(fingerprint_key, b"weir-dlp-fingerprint", "sha256")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
