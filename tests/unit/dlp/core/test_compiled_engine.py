"""What is kept serves the whole engine: the same finds, and nothing compiled twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.dlp.core import compiled as module
from weir.dlp.core.compiled import Compiled, Store
from weir.dlp.core.detector import SecretDetector
from weir.dlp.core.engine import Engine
from weir.dlp.core.prefilter import Prefilter
from weir.dlp.rulebook.rules import load_rules
from weir.model import Segment

KEY = b"deployment" * 3


class Nothing(dict[bytes, Compiled]):
    """Keeps nothing, as if each compilation were another process's."""

    def get(self, *_: object) -> None:
        return None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "compiled").mkdir(mode=0o700)
    return tmp_path / "compiled"


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many expressions each compilation had."""
    seen: list[int] = []
    real = module._compile
    monkeypatch.setattr(module, "_compile", lambda wanted: seen.append(len(wanted)) or real(wanted))
    monkeypatch.setattr(module, "_in_use", Nothing())
    return seen


def test_all_built_in_rules_hit_out_of_a_file_what_they_hit_compiled(folder: Path, compilations: list[int]) -> None:
    rules = load_rules().rules
    items = [SecretDetector(rule).sources for rule in rules]
    fresh = Prefilter(items, Store(folder, KEY))
    kept = Prefilter(items, Store(folder, KEY))
    assert len(compilations) == 1
    assert kept.always == fresh.always == frozenset()
    for number, rule in enumerate(rules):
        for text in (*rule.match, *rule.miss):
            found = kept.locate(text.encode())
            assert found == fresh.locate(text.encode())
            assert number in found.items or text in rule.miss


def test_an_engine_keeps_everything_it_compiles(folder: Path, compilations: list[int]) -> None:
    text = "mail jane.doe@acme-widgets.com " * 20_000  # long: the net for windows, too
    scans = []
    for _ in range(2):
        engine = Engine.load(entities=["EMAIL_ADDRESS"], fingerprint_key=KEY, compiled=folder, findings_max=10)
        engine._scanner.warm()
        scans.append(engine.scan([Segment("/0", "user", text)]))
    assert len([number for number in compilations if number > 20]) == 3
    assert scans[0].findings == scans[1].findings != ()
