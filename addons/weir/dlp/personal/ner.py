"""Names, places and groups by a spaCy pipeline that the operator has installed. Nothing is downloaded.

Only the part that recognises entities is loaded. A pipeline keeps the words it meets; it reads each text inside a
memory zone, so that neither memory nor what people wrote stays behind. Such a zone serves one thread at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from weir.dlp.core.detector import Detector
from weir.dlp.core.patterns import Deadline, OutOfTime
from weir.dlp.core.prefilter import Source

__all__ = ["DEFAULT_LABELS", "LABELS", "NerDetector", "load_ner", "load_ner_detectors"]

# How the labels of spaCy's and of medical pipelines are called in Presidio.
LABELS: Mapping[str, str] = {
    **dict.fromkeys(("PER", "PERSON", "PRS", "persName", "PATIENT", "STAFF", "HCW"), "PERSON"),
    **dict.fromkeys(("LOC", "LOCATION", "GPE", "FAC", "placeName", "geogName"), "LOCATION"),
    **dict.fromkeys(("NORP", "NRP"), "NRP"),
    **dict.fromkeys(("ORG", "ORGANIZATION", "orgName", "HOSP", "HOSPITAL", "PATORG"), "ORGANIZATION"),
    **dict.fromkeys(("DATE", "TIME", "date", "time"), "DATE_TIME"),
}
# Companies and dates are in every prompt: only when a policy asks for them.
DEFAULT_LABELS = ("PERSON", "LOCATION", "NRP")

_SEVERITY = {"ORGANIZATION": "low", "DATE_TIME": "low"}
_SCORE = 0.85  # Presidio's own for a model that gives none
# Everything else in a pipeline serves grammar, and most of the time.
_NOT_NEEDED = (
    *("tagger", "parser", "morphologizer", "attribute_ruler", "lemmatizer", "trainable_lemmatizer", "senter"),
    *("sentencizer", "textcat", "textcat_multilabel", "entity_linker", "spancat", "experimental_coref"),
)
_FINDERS = ("ner", "beam_ner", "entity_ruler", "span_ruler")
_WINDOW_CHARS = 6_000
_OVERLAP_CHARS = 400  # no name is longer; each half belongs to one of the two windows


class _Pipeline:
    """One spaCy pipeline, and what it found in the text that this thread read last: each entity asks for the same."""

    def __init__(self, nlp: Any) -> None:
        self._nlp = nlp
        self._lock = threading.Lock()
        self._last = threading.local()

    def entities(self, text: str, deadline: Deadline) -> Sequence[tuple[int, int, str]]:
        """Start, end and entity of all that was recognised in ``text``. Raises OutOfTime."""
        if getattr(self._last, "text", None) is not text:
            self._last.text, self._last.found = None, ()
            found = tuple(self._read(text, deadline))
            self._last.text, self._last.found = text, found
        remembered: Sequence[tuple[int, int, str]] = self._last.found
        return remembered

    def forget(self) -> None:
        """Let go of the last text."""
        self._last.text, self._last.found = None, ()

    def _read(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, str]]:
        step = _WINDOW_CHARS - _OVERLAP_CHARS
        for begin in range(0, max(1, len(text) - _OVERLAP_CHARS), step):
            window = text[begin : begin + _WINDOW_CHARS]
            first = _OVERLAP_CHARS // 2 if begin else 0
            last = len(window) if begin + len(window) >= len(text) else len(window) - _OVERLAP_CHARS // 2
            for start, end, label in self._window(window, deadline):
                entity = LABELS.get(label)
                if entity is not None and first <= start < last:
                    yield begin + start, begin + end, entity

    def _window(self, window: str, deadline: Deadline) -> list[tuple[int, int, str]]:
        if not self._lock.acquire(timeout=deadline.left()):
            raise OutOfTime("the language model was busy")
        try:
            deadline.left()
            with self._nlp.memory_zone():
                document = self._nlp(window)
                return [(span.start_char, span.end_char, span.label_) for span in document.ents]
        finally:
            self._lock.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class NerDetector:
    """One entity of a pipeline. The first of several over the same text pays for all."""

    entity: str
    threshold: float
    pipeline: _Pipeline
    last: bool = True  # after it nobody asks for this text

    @property
    def name(self) -> str:
        """pii/ and the entity."""
        return f"pii/{self.entity}"

    @property
    def severity(self) -> str:
        """low for what is rarely personal."""
        return _SEVERITY.get(self.entity, "medium")

    @property
    def sources(self) -> tuple[Source, ...]:
        """None: names have no pattern, so this runs on every text."""
        return ()

    def find(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, float]]:
        """What the model calls by this entity's name. Raises OutOfTime; a fault of the library passes through."""
        if self.threshold > _SCORE:
            return
        found = self.pipeline.entities(text, deadline)
        if self.last:
            self.pipeline.forget()
        for start, end, entity in found:
            value = text[start:end]
            stripped = value.strip()
            if entity == self.entity and any(character.isalnum() for character in stripped):
                lead = len(value) - len(value.lstrip())
                yield start + lead, start + lead + len(stripped), _SCORE


def load_ner(name_or_path: str, threshold: float = 0.5) -> Detector:
    """The detector of people's names alone; see `load_ner_detectors`."""
    return load_ner_detectors(name_or_path, threshold, ("PERSON",))[0]


def load_ner_detectors(
    name_or_path: str,
    threshold: float = 0.5,
    entities: Sequence[str] | None = None,
    thresholds: Mapping[str, float] | None = None,
) -> tuple[Detector, ...]:
    """Detectors that share the pipeline of this name or in this folder, which is loaded once.

    Of those among ``entities`` that a pipeline can find; of DEFAULT_LABELS when none of them is. Raises ValueError
    when there is no such pipeline or it recognises no entities.
    """
    known = frozenset(LABELS.values())
    wanted = tuple(dict.fromkeys(name for name in entities or () if name in known)) or DEFAULT_LABELS
    pipeline = _load(name_or_path)
    bars = thresholds or {}
    return tuple(
        NerDetector(
            entity=entity, threshold=bars.get(entity, threshold), pipeline=pipeline, last=number == len(wanted) - 1
        )
        for number, entity in enumerate(wanted)
    )


@lru_cache(maxsize=2)
def _load(name_or_path: str) -> _Pipeline:
    try:
        import spacy
    except ImportError:
        raise ValueError("nlp: spaCy is not installed; install it with `pip install spacy`") from None
    try:
        nlp = spacy.load(name_or_path, exclude=_NOT_NEEDED)
    except OSError:
        raise ValueError(
            f"nlp: there is no spaCy pipeline {name_or_path}; install it with "
            f"`python -m spacy download {name_or_path}`, or name the folder of one"
        ) from None
    except (ImportError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"nlp: the pipeline {name_or_path} can't be loaded ({type(error).__name__}); "
            "install one made for this version of spaCy"
        ) from None
    if not any(name in _FINDERS for name in nlp.pipe_names):
        raise ValueError(f"nlp: the pipeline {name_or_path} recognises no entities; name one that has `ner`")
    nlp("Weir reads a first text.")  # what is built lazily is built now
    return _Pipeline(nlp)
