"""Facts about services: bundled ones have sources, mistakes are told with file and line."""

from datetime import date
from pathlib import Path

import pytest

from weir.shadow import catalogue
from weir.shadow.catalogue import Catalogue
from weir.shadow.risks import ATTRIBUTES, RETAINS_DAYS, UNLIMITED, Fact, read_risks

BUNDLED = Path(catalogue.__file__).parent / "data"
GOOD = '  - {id: a, trains: false, source: "https://a.example/x", date: 2026-07-11}\n'


def write(directory: Path, lines: str, *, head: str = "services:\n") -> Path:
    (directory / "risks").mkdir(parents=True, exist_ok=True)
    (directory / "risks" / "f.yaml").write_text(head + lines)
    return directory


def test_reads_every_attribute(tmp_path: Path) -> None:
    write(
        tmp_path,
        GOOD + "  - id: a\n    retention_days: 30\n    residency: [DE, US]\n    soc2: true\n    sso: false\n"
        "    source: https://a.example/y\n    date: 2025-01-02\n",
    )
    x, y = ("https://a.example/x", date(2026, 7, 11)), ("https://a.example/y", date(2025, 1, 2))
    assert read_risks(tmp_path, {"a"}) == {
        "a": {
            "trains": Fact("trains", False, *x),
            "retention_days": Fact("retention_days", 30, *y),
            "residency": Fact("residency", ("DE", "US"), *y),
            "soc2": Fact("soc2", True, *y),
            "sso": Fact("sso", False, *y),
        }
    }


def test_what_is_kept_for_ever(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("trains: false", "retention_days: unlimited"))
    assert read_risks(tmp_path, {"a"})["a"]["retention_days"].value == UNLIMITED > RETAINS_DAYS


def test_a_directory_without_facts_has_none(tmp_path: Path) -> None:
    assert read_risks(tmp_path, {"a"}) == {}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (GOOD.replace("id: a, ", ""), "add the id of a service"),
        (GOOD.replace("id: a", "id: b"), "no service has the id b"),
        (GOOD.replace("https", "http"), "add a source"),
        (GOOD.replace("date: 2026-07-11", "date: soon"), "add the source's date"),
        (GOOD.replace("date: 2026-07-11", "date: 2026-07-11 10:00:00"), "add the source's date"),
        (GOOD.replace("trains: false, ", ""), "say what the source tells"),
        (GOOD.replace("trains: false", "trains: maybe"), "trains must be true or false"),
        (GOOD.replace("trains: false", "soc2: 1"), "soc2 must be true or false"),
        (GOOD.replace("trains: false", "retention_days: -1"), "retention_days must be a number"),
        (GOOD.replace("trains: false", "retention_days: true"), "retention_days must be a number"),
        (GOOD.replace("trains: false", "residency: [Germany]"), "residency must be a list"),
        (GOOD.replace("trains: false", "residency: []"), "residency must be a list"),
        (GOOD.replace("trains: false", "trained: false"), "unknown key trained; allowed: trains, "),
        (GOOD, "trains of a is told before"),
        ("  - a\n", "a line is a mapping"),
        ("  - {id: a\n", "not YAML"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(tmp_path: Path, line: str, told: str) -> None:
    write(tmp_path, GOOD + line)
    with pytest.raises(ValueError) as caught:
        read_risks(tmp_path, {"a"})
    assert told in str(caught.value)
    place = f"{tmp_path}/risks/f.yaml:"
    assert str(caught.value).startswith(place + ("4:" if told == "not YAML" else "3:"))


@pytest.mark.parametrize("text", ["", "- a\n", "services: []\nmore: 1\n", "services: a\n"])
def test_a_file_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    write(tmp_path, "", head=text)
    with pytest.raises(ValueError, match=r"f\.yaml:1: write a list of `services:`"):
        read_risks(tmp_path, {"a"})


def test_what_is_bundled_can_be_looked_up_and_has_a_date_that_has_been() -> None:
    found = Catalogue.load()
    facts = read_risks(BUNDLED, found.services)
    assert len(facts) >= 25
    assert list(facts) == sorted(facts)
    for id_, known in facts.items():
        assert found.risks(id_) == known
        assert set(known) <= set(ATTRIBUTES)
        assert all(date(2020, 1, 1) < fact.date < date(2026, 12, 31) for fact in known.values())
    assert found.risks("anthropic")["soc2"].source == "https://trust.anthropic.com/"


def test_what_has_no_source_is_unknown() -> None:
    found = Catalogue.load()
    assert found.risks("poe") == {}
    assert found.risks("no-such-service") == {}
    assert "trains" not in found.risks("pinecone")


def test_an_operators_facts_replace_bundled_ones(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("id: a, trains", "id: openai, soc2"))
    found = Catalogue.load([tmp_path]).risks("openai")
    assert found["soc2"] == Fact("soc2", False, "https://a.example/x", date(2026, 7, 11))
    assert found["trains"].value is False
