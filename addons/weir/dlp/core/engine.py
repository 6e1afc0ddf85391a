"""The scanner: texts in, findings out, and an honest word on whether everything was looked at.

A text goes through the prefilter once; only the detectors that can match run, and only where (see scan.py). What a
text held is remembered, so the history of a chat is not scanned again. Long texts are scanned by processes of their
own where these were asked for (see pool.py): what a pattern does with a text never holds up another client.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from weir.dlp.core.cache import ScanCache, Scanned
from weir.dlp.core.compiled import Store
from weir.dlp.core.detector import Detector
from weir.dlp.core.patterns import Deadline
from weir.dlp.core.pool import Helpers
from weir.dlp.core.recipe import Recipe
from weir.dlp.core.scan import LATE, NOTHING, Scanner, derived_key
from weir.dlp.core.told import Told, finding
from weir.dlp.views.joins import joins
from weir.model import Finding, Segment

__all__ = ["HELPED_CHARS_MIN", "WARM_AFTER_S", "Engine", "Scan"]

HELPED_CHARS_MIN = 16 * 1024  # what is shorter is scanned faster than it is handed over
WARM_AFTER_S = 10.0
_KEY_PART_MIN = 8  # characters
_UNCLEAR = Scanned(reason=LATE)  # a glance at a text did not show that it holds nothing


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
    """All detectors, ready. Immutable but for its cache and helpers; safe to use from several threads at once."""

    def __init__(
        self,
        detectors: Sequence[Detector],
        *,
        version: str,
        fingerprint_key: bytes,
        findings_max: int = 200,
        cache_entries: int = 20_000,
        helpers: Helpers | None = None,
        slow: bool = False,
        store: Store | None = None,
    ) -> None:
        self.version = version
        self.slow = slow  # True: even a short text takes too long for the event loop
        key = derived_key(fingerprint_key)
        self._scanner = Scanner(detectors, key=key, findings_max=findings_max, slow=slow, store=store)
        self._cache = ScanCache(key, version, cache_entries)
        self._helpers = helpers
        self._warming: threading.Timer | None = None

    @classmethod
    def load(
        cls,
        *,
        rule_dirs: Sequence[Path] = (),
        entities: Sequence[str] | None = None,
        packs: Sequence[str] = (),
        threshold: float = 0.5,
        thresholds: Mapping[str, float] | None = None,
        nlp: str = "",
        exact: Sequence[Path] = (),
        exact_key: bytes = b"",
        fingerprint_key: bytes,
        findings_max: int = 200,
        cache_entries: int = 20_000,
        helpers: int = 0,
        compiled: Path | None = None,
    ) -> Engine:
        """An engine with the built-in rules, those below ``rule_dirs``, and detectors of ``entities`` and ``packs``.

        ``entities`` are Presidio's names (None: the default set); ``thresholds`` hold for single entities instead of
        ``threshold``. ``nlp`` is a spaCy pipeline's name or folder, ``exact`` are fingerprint files made with
        ``exact_key``. ``fingerprint_key`` keys fingerprints and cache. ``helpers`` is how many processes may scan long
        texts; they begin with `start`. ``compiled`` is a folder that keeps compiled patterns for the next time. Raises
        ValueError that says what to write instead, or OSError for a file or directory that can't be read.
        """
        if not fingerprint_key:
            raise ValueError("fingerprint_key is empty: give random bytes that this deployment keeps")
        recipe = Recipe(
            rule_dirs=tuple(rule_dirs),
            entities=None if entities is None else tuple(entities),
            packs=tuple(packs),
            threshold=threshold,
            thresholds=dict(thresholds or {}),
            nlp=nlp,
            exact=tuple(exact),
            exact_key=exact_key,
            fingerprint_key=fingerprint_key,
            findings_max=findings_max,
            compiled=compiled,
        )
        made = recipe.make()
        return cls(
            made.detectors,
            version=made.version,
            fingerprint_key=fingerprint_key,
            findings_max=findings_max,
            cache_entries=cache_entries,
            helpers=Helpers(recipe, helpers) if helpers else None,
            slow=bool(nlp),
            store=recipe.store(),
        )

    @property
    def detectors(self) -> tuple[str, ...]:
        """The names that findings may carry, sorted."""
        return tuple(sorted({detector.name for detector in self._scanner.detectors}))

    @property
    def unfiltered(self) -> tuple[str, ...]:
        """Detectors that the prefilter could not take and that therefore run on every text."""
        return tuple(self._scanner.detectors[number].name for number in sorted(self._scanner.prefilter.always))

    @property
    def helpers(self) -> Helpers | None:
        """The processes for long texts, if there are any."""
        return self._helpers

    def start(self) -> None:
        """Begin to get ready what only some texts need: helpers, if there are to be any, and more of the prefilter.

        Until then threads do the helpers' work, and a text that needs more of the prefilter waits for it, no longer
        than its time. The prefilter's turn comes later: a process that starts has enough to do.
        """
        self._scanner.ready()
        if self._helpers is not None:
            self._helpers.start()
        self._warming = threading.Timer(WARM_AFTER_S, self._scanner.warm)
        self._warming.name, self._warming.daemon = "weir-prefilter", True
        self._warming.start()

    def close(self) -> None:
        """End the helpers; scans go on without them."""
        if self._warming is not None:
            self._warming.cancel()
        if self._helpers is not None:
            self._helpers.close()

    def estimate_chars(self, segments: Sequence[Segment], enough: int = 0) -> int:
        """Characters that ``scan`` would read now: of all texts up to ``enough``, else of those not in the cache."""
        if (chars := sum([len(segment.text) for segment in segments])) <= enough:
            return chars
        return sum(len(s.text) for s in segments if s.text and self._cache.key(_encoded(s.text)) not in self._cache)

    def is_known_clean(self, text: str) -> bool:
        """Whether ``text`` was scanned before and nothing was found in all of it: another scan would say just that."""
        known = self._cache.get(self._cache.key(_encoded(text)))
        return known is not None and not (known.spans or known.reason)

    def scan(
        self,
        segments: Sequence[Segment],
        direction: str = "request",
        *,
        deadline_s: float | None = None,
        remember: bool = True,
        clock: Callable[[], float] = time.monotonic,
        glance: int | None = None,
    ) -> Scan:
        """Findings in all ``segments``, in order; ``direction`` is copied into each. Does not raise.

        After ``deadline_s`` seconds it ends, wherever it is, and what it returns is ``out_of_time``. Without
        ``remember`` the results are not kept: for texts that nobody will send again, as the parts of a stream.
        ``clock`` counts the seconds: that of the thread where a busy machine must not shorten them. With ``glance`` new
        texts get no more than a glance, but for so many characters: where that does not show them to hold nothing, the
        scan ends and is ``out_of_time``, too.
        """
        whole = None if deadline_s is None else Deadline(deadline_s, clock)
        told = Told(self._scanner.findings_max, self._scanner.too_many, direction, glance)
        for index, segment in enumerate(segments):
            if not segment.text:
                continue
            if whole is not None and whole.spent():
                told.because(LATE)
                break
            result, fresh = self._result(segment.text, whole, remember, told)
            if result is _UNCLEAR:
                return Scan((), False, LATE, told.scanned, told.cached, True)
            told.count(len(segment.text), fresh)
            told.because(result.reason)
            if result.spans and not told.take(finding(index, span, direction) for span in result.spans):
                break
        else:
            if len(segments) > 1:
                self._over_seams(segments, whole, told, remember)
        late = bool(told.reasons) and whole is not None and whole.spent()
        findings = tuple(told.findings)
        return Scan(findings, not told.reasons, "; ".join(told.reasons), told.scanned, told.cached, late)

    def _over_seams(self, segments: Sequence[Segment], whole: Deadline | None, told: Told, remember: bool) -> None:
        """Look for what is split over texts: a part of the finding in each of them."""
        for joined in joins(segments):
            if whole is not None and whole.spent():
                told.because(LATE)
                return
            result, fresh = self._result(joined.text, whole, remember, None)
            told.count(len(joined.text) if fresh else 0, fresh)
            told.because(result.reason)
            for span in result.spans:
                parts = joined.origin(span.start, span.end)
                rest = [(index, start, end) for index, start, end in parts if not told.covers(index, start, end)]
                if len(parts) < 2 or not rest:
                    continue  # it was found where it stands
                if len(rest) < len(parts) and not any(_like_a_key(segments[i].text[a:b]) for i, a, b in rest):
                    continue  # a whole key at the end of one text, and the first word of the next
                if not told.take(
                    finding(index, replace(span, start=start, end=end), told.direction) for index, start, end in parts
                ):
                    return

    def _result(self, text: str, whole: Deadline | None, remember: bool, told: Told | None) -> tuple[Scanned, bool]:
        """What ``text`` holds, and whether that had to be found out. It is one over a seam if there is no ``told``."""
        data, seam = _encoded(text), told is None
        key = self._cache.key(data, seam=seam)
        known = self._cache.get(key)
        if known is not None:
            return known, False
        if told is not None and told.glances:
            if self._scanner.glance(text, data):
                if remember:
                    self._cache.put(key, NOTHING)
                return NOTHING, True
            if not told.spend(len(text)):
                return _UNCLEAR, True
        answer = None
        if self._helpers is not None and (self.slow or len(data) >= HELPED_CHARS_MIN):
            answer = self._helpers.scan(data, whole, seam=seam)
        result, final = answer or self._scanner.scan(text, data, whole, seam=seam)
        if final and remember:
            self._cache.put(key, result)
        return result, True


def _encoded(text: str) -> bytes:
    # Lone surrogates are legal in JSON strings; they need only become some high bytes here.
    return text.encode("utf-8", "surrogatepass")


def _like_a_key(value: str) -> bool:
    """Whether ``value`` may be the other part of a secret and not a word of whoever goes on."""
    return len(value) >= _KEY_PART_MIN and any(map(str.isdigit, value)) and any(map(str.isalpha, value))
