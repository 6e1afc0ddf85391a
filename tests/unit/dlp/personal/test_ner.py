from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.training import Example

from weir.dlp.core.engine import Engine
from weir.dlp.core.patterns import Deadline, OutOfTime
from weir.dlp.core.prefilter import Prefilter
from weir.dlp.personal.ner import LABELS, NerDetector, load_ner, load_ner_detectors
from weir.model import Segment

NAMES = ["Ada Berg", "Nils Costa", "Rosa Haas", "Luca Moreau", "Tara Novak", "Pavel Lopez"]
TOWNS = ["Bergen", "Turin", "Lyon", "Porto"]
FRAMES = ["Please call {name} in {town}.", "{name} lives in {town} now.", "We met {name} near {town}."]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small pipeline that knows a handful of names, with parts that are not needed."""
    random.seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    ner: Any = nlp.add_pipe("ner")
    for label in ("PERSON", "GPE", "ORG"):
        ner.add_label(label)
    examples = []
    for name in NAMES:
        for town in TOWNS:
            for frame in FRAMES:
                text = frame.format(name=name, town=town)
                spans = [
                    (text.index(v), text.index(v) + len(v), label) for v, label in ((name, "PERSON"), (town, "GPE"))
                ]
                examples.append(Example.from_dict(nlp.make_doc(text), {"entities": spans}))
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(6):
        random.shuffle(examples)
        for at in range(0, len(examples), 16):
            nlp.update(examples[at : at + 16], sgd=optimizer)
    path = tmp_path_factory.mktemp("nlp") / "small"
    nlp.to_disk(path)
    return path


def found(path: Path, text: str, **options: Any) -> set[tuple[str, str]]:
    return {
        (detector.name, text[start:end])
        for detector in load_ner_detectors(str(path), **options)
        for start, end, _ in detector.find(text, Deadline(20))
    }


def test_names_and_places(pipeline: Path) -> None:
    text = "Please call Ada Berg in Turin."
    assert found(pipeline, text) == {("pii/PERSON", "Ada Berg"), ("pii/LOCATION", "Turin")}
    assert found(pipeline, text, entities=["EMAIL_ADDRESS", "PERSON"]) == {("pii/PERSON", "Ada Berg")}
    assert found(pipeline, text, thresholds={"PERSON": 0.9}) == {("pii/LOCATION", "Turin")}
    assert {d.name for d in load_ner_detectors(str(pipeline), entities=["ORGANIZATION"])} == {"pii/ORGANIZATION"}
    assert {d.name for d in load_ner_detectors(str(pipeline))} == {"pii/PERSON", "pii/LOCATION", "pii/NRP"}


def test_offsets_hold_in_long_texts(pipeline: Path) -> None:
    sentence = "Please call Ada Berg in Turin. "
    text = sentence * 700
    (people,) = load_ner_detectors(str(pipeline), entities=["PERSON"])
    spans = [(start, end) for start, end, _ in people.find(text, Deadline(30))]
    starts = [at * len(sentence) + 12 for at in range(700)]
    assert len(set(spans)) == len(spans)
    assert {text[start:end] for start, end in spans} == {"Ada Berg"}
    assert len(set(starts) & {start for start, _ in spans}) > 690


def test_the_engine_finds_them(pipeline: Path, tmp_path: Path) -> None:
    person = load_ner(str(pipeline))
    assert isinstance(person, NerDetector)
    assert (person.name, person.severity, person.sources) == ("pii/PERSON", "medium", ())
    assert Prefilter([person.sources]).always == {0}
    text = "We met Rosa Haas near Lyon."
    expected = {("pii/PERSON", "Rosa Haas"), ("pii/LOCATION", "Lyon")}

    def told(engine: Engine) -> set[tuple[str, str]]:
        scan = engine.scan([Segment("/x", "user", text)], deadline_s=20)
        assert scan.complete, scan.reason
        return {(f.detector, text[f.start : f.end]) for f in scan.findings}

    policy: dict[str, Any] = {"nlp": str(pipeline), "compiled": tmp_path}
    alone = Engine.load(fingerprint_key=b"unit-test-key", **policy)
    assert alone.slow and told(alone) == expected
    assert {"pii/PERSON", "pii/LOCATION", "pii/NRP"} <= set(alone.detectors)
    helped = Engine.load(fingerprint_key=b"unit-test-key", cache_entries=0, helpers=1, **policy)
    helped.start()
    try:
        assert helped.helpers is not None and helped.helpers.wait(60)
        there = helped.helpers.scan(text.encode(), Deadline(20))
        assert there is not None and {span.detector for span in there[0].spans} == {"pii/PERSON", "pii/LOCATION"}
        assert told(helped) == expected
    finally:
        helped.close()


def test_the_policy_says_which_and_how_sure(pipeline: Path) -> None:
    def made(**choice: Any) -> Engine:
        return Engine.load(fingerprint_key=b"unit-test-key", nlp=str(pipeline), **choice)

    people = made(entities=["EMAIL_ADDRESS", "PERSON"])
    assert {n for n in people.detectors if n.startswith("pii/")} == {"pii/EMAIL_ADDRESS", "pii/PERSON"}
    surer = made(entities=["EMAIL_ADDRESS", "PERSON"], thresholds={"PERSON": 0.9})
    assert not surer.scan([Segment("/x", "user", "We met Rosa Haas near Lyon.")]).findings
    everywhere = made(entities=["EMAIL_ADDRESS", "LOCATION"])
    assert len({engine.version for engine in (people, surer, everywhere)}) == 3


def test_out_of_time(pipeline: Path) -> None:
    person = load_ner(str(pipeline))
    with pytest.raises(OutOfTime):
        list(person.find("We met Rosa Haas near Lyon.", Deadline(0)))
    # What was not read is not remembered as read.
    assert list(person.find("We met Rosa Haas near Lyon.", Deadline(10)))


def test_several_threads_at_once(pipeline: Path) -> None:
    texts = [FRAMES[at % 3].format(name=NAMES[at % 6], town="Lyon") for at in range(24)]
    results: dict[int, set[tuple[str, str]]] = {}

    def work(number: int) -> None:
        results[number] = found(pipeline, texts[number])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, text in enumerate(texts):
        assert results[number] == found(pipeline, text)


def test_nothing_is_remembered(pipeline: Path) -> None:
    people, *_rest, last = load_ner_detectors(str(pipeline))
    assert isinstance(last, NerDetector)
    text = "We met Rosa Haas near Zanzibarographia."
    for detector in (people, last):
        list(detector.find(text, Deadline(10)))
    assert getattr(last.pipeline._last, "text", None) is None
    assert "Zanzibarographia" not in last.pipeline._nlp.vocab.strings


def test_what_is_wrong_with_a_pipeline_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no spaCy pipeline en_no_such; .*python -m spacy download en_no_such"):
        load_ner("en_no_such")
    blank = spacy.blank("en")
    blank.add_pipe("sentencizer")
    blank.to_disk(tmp_path / "blank")
    with pytest.raises(ValueError, match="recognises no entities"):
        load_ner(str(tmp_path / "blank"))


def test_labels_are_presidios() -> None:
    assert {"PERSON", "LOCATION", "NRP", "ORGANIZATION", "DATE_TIME"} == set(LABELS.values())
