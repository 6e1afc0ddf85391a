"""Full Presidio, and weir's detectors behind their prefilter, over the same text and for the same entities."""

from __future__ import annotations

import inspect
import logging
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import tldextract

from golden.dlp_equivalence.groups import Groups
from weir.dlp.personal.presidio import known_entities, load_detectors

if TYPE_CHECKING:  # all of Presidio takes a second, which only those pay who ask it
    from presidio_analyzer import AnalyzerEngine, PatternRecognizer

__all__ = ["THRESHOLD", "Ours", "Result", "entities", "recognizers", "theirs"]

THRESHOLD = 0.5
PHONE_THRESHOLD = 0.4  # Presidio without a language model never gives more to a phone number


@dataclass(frozen=True, slots=True, order=True)
class Result:
    """One find. ``pattern`` is Presidio's name of the pattern, and empty in our results."""

    entity: str
    start: int
    end: int
    score: float
    pattern: str = ""

    @property
    def span(self) -> tuple[str, int, int]:
        """What has to be the same on both sides."""
        return self.entity, self.start, self.end


@cache
def recognizers() -> dict[str, PatternRecognizer]:
    """Every pattern recognizer of the installed version, by the name of its class; all said to speak English."""
    from presidio_analyzer import PatternRecognizer, predefined_recognizers

    # The list of public suffixes that ships with the package: tests fetch nothing.
    tldextract.extract = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())  # type: ignore[assignment]
    found: dict[str, PatternRecognizer] = {}
    for name in sorted({*vars(predefined_recognizers), *predefined_recognizers.__all__}):
        item = getattr(predefined_recognizers, name)
        if inspect.isclass(item) and issubclass(item, PatternRecognizer) and item is not PatternRecognizer:
            make: Any = item
            found[name] = make(supported_language="en")
    return found


def entities() -> tuple[str, ...]:
    """Every entity that both sides can be asked for."""
    return (*sorted({r.supported_entities[0] for r in recognizers().values()}), "PHONE_NUMBER")


@cache
def _analyzer() -> AnalyzerEngine:
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry, predefined_recognizers
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    logging.getLogger("presidio-analyzer").disabled = True
    phones = predefined_recognizers.PhoneRecognizer(supported_language="en")
    registry = RecognizerRegistry([*recognizers().values(), phones], supported_languages=["en"])
    return AnalyzerEngine(
        registry=registry,
        nlp_engine=NoOpNlpEngine([{"lang_code": "en", "model_name": "no_op"}]),
        supported_languages=["en"],
    )


def theirs(text: str) -> set[Result]:
    """What full Presidio finds."""
    found = _analyzer().analyze(
        text, "en", entities=list(entities()), score_threshold=PHONE_THRESHOLD, return_decision_process=True
    )
    return {
        Result(r.entity_type, r.start, r.end, r.score, r.analysis_explanation.pattern_name or "")
        for r in found
        if r.score >= THRESHOLD or r.entity_type == "PHONE_NUMBER"
    }


class Ours:
    """All of weir's detectors of personal data."""

    def __init__(self) -> None:
        self.groups = Groups(load_detectors(tuple(known_entities()), THRESHOLD))

    def find(self, text: str) -> set[Result]:
        """What they find."""
        from presidio_analyzer import EntityRecognizer, RecognizerResult

        found = [
            RecognizerResult(detector.name.removeprefix("pii/"), start, end, score)
            for detector, start, end, score in self.groups.find(text)
        ]
        kept = EntityRecognizer.remove_duplicates(found)  # Presidio does so with its own
        return {Result(r.entity_type, r.start, r.end, r.score) for r in kept}
