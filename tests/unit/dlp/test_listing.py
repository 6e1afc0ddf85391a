"""The list of detectors names all that an engine can find, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.dlp.build import engine_of
from weir.dlp.exact.exactmake import fingerprint
from weir.dlp.listing import descriptions, listed
from weir.dlp.rulebook.rules import RuleError
from weir.sections import Dlp

KEY = b"k" * 32


@pytest.fixture(scope="module")
def section(tmp_path_factory: pytest.TempPathFactory) -> Dlp:
    folder = tmp_path_factory.mktemp("listing")
    out = folder / "c.fp"
    fingerprint(iter([("C-1234567",)]), ("id",), label="customers", key=KEY, out=out)
    (folder / "own.yaml").write_text(
        "rules:\n- {id: custom/order, description: Order number, severity: low, regex: 'ORD-[0-9]{6}',"
        " match: [ORD-123456], miss: [ORD-1]}\n"
    )
    return Dlp.model_validate(
        {"packs": ["us"], "rules": [str(folder)], "exact": [str(out)], "thresholds": {"US_SSN": 0.7}}
    )


def test_what_is_on_is_what_the_engine_has(section: Dlp) -> None:
    on = {one.id for one in listed(section) if one.used}
    engine = set(engine_of(section, b"f" * 32, KEY).detectors)
    assert engine <= on
    # A detector whose patterns all score below the threshold never speaks, and the engine leaves it out.
    assert {name for name in on - engine if not name.startswith("pii/")} == set()


def test_each_says_what_and_whence(section: Dlp) -> None:
    everything = listed(section)
    assert [one.id for one in everything] == sorted({one.id for one in everything})
    assert {one.category for one in everything} >= {"secret", "pii", "exact", "custom", "marking"}
    for one in everything:
        assert one.description and one.source and one.severity in ("low", "medium", "high", "critical")
    by_id = {one.id: one for one in everything}
    assert by_id["exact/customers"].used and by_id["exact/customers"].kind == "exact values"
    ssn = by_id["pii/US_SSN"]
    assert (ssn.pack, ssn.used, ssn.details["threshold"]) == ("us", True, 0.7)  # type: ignore[index]
    order = by_id["custom/order"].details
    assert order is not None and order["regex"] == "ORD-[0-9]{6}" and order["match"] == ["ORD-123456"]
    key = by_id["secret/openai-key"].details
    assert key is not None and key["match"] and all("{" not in example for example in key["match"])


def test_descriptions_of_what_was_found(section: Dlp) -> None:
    told = descriptions(section, {"secret/openai-key", "pii/US_SSN", "pii/PERSON", "exact/customers", "custom/order"})
    assert told["custom/order"] == "Order number"
    assert told["pii/PERSON"] == "Personal data: person"
    assert "us ssn" in told["pii/US_SSN"] and "OpenAI" in told["secret/openai-key"]
    assert set(told) == {"secret/openai-key", "pii/US_SSN", "pii/PERSON", "exact/customers", "custom/order"}


def test_a_broken_rule_of_the_operator_is_told(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("rules: [{id: custom/x}]")
    with pytest.raises(RuleError):
        listed(Dlp.model_validate({"rules": [str(tmp_path)]}))
