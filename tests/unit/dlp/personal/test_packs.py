from __future__ import annotations

from pathlib import Path

import pytest

from weir.dlp.core.patterns import compile_pattern
from weir.dlp.personal import packs
from weir.dlp.personal.packs import GENERIC, UnknownPack, chosen, digest, load_packs


def test_the_packs_there_are() -> None:
    loaded = load_packs()
    assert {GENERIC, "us", "uk", "de", "fr", "es", "it", "nl", "pl", "se", "fi", "in", "au", "sg", "kr", "ca"} <= set(
        loaded
    )
    assert all(pack.entities for pack in loaded.values())
    assert all(pack.regions for name, pack in loaded.items() if name != GENERIC)


def test_own_patterns_are_patterns() -> None:
    for pack in load_packs().values():
        for entity in pack.entities:
            for own in entity.patterns:
                assert compile_pattern(own.regex)
                assert 0 < own.score <= 1
            assert not entity.patterns or entity.context


def test_chosen_keeps_order_and_takes_none_twice() -> None:
    assert [pack.id for pack in chosen(["uk", "de", "uk"])] == ["uk", "de"]
    with pytest.raises(UnknownPack, match="there is no pack atlantis; write one of at, au,"):
        chosen(["atlantis"])


def test_the_digest_follows_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert digest() == digest.__wrapped__()
    (tmp_path / "x.yaml").write_text("a: 1")
    monkeypatch.setattr(packs, "DATA", tmp_path)
    first = digest.__wrapped__()
    (tmp_path / "x.yaml").write_text("a: 2")
    assert digest.__wrapped__() != first != digest()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\nentities: {A: {context: [a], colour: red}}", "x.yaml: A: colour is not a field; write one of also"),
        (
            "name: x\nentities: {A: {context: [a], severity: dire}}",
            "x.yaml: A: severity is not known; write one of low",
        ),
        ("name: x\nentities: {A: {context: [a], needs_context: no}}", "x.yaml: A: needs_context is not known"),
        ("name: x\nentities: {A: {patterns: [{name: a, regex: b, score: 1}]}}", "x.yaml: A: own patterns need context"),
        (
            "name: x\nentities: {A: {context: [a], patterns: [{name: a, regex: b, score: 1, validator: c}]}}",
            "x.yaml: A: there is no validator c; write one of luhn",
        ),
        ("name: x\nsay: y\nentities: {}", "x: say is not a field"),
    ],
)
def test_mistakes_are_named(text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs" / "x.yaml").write_text(text)
    monkeypatch.setattr(packs, "DATA", tmp_path)
    with pytest.raises(ValueError, match=said):
        load_packs.__wrapped__()


def test_an_entity_stands_in_one_pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "packs").mkdir()
    for name in ("x", "y"):
        (tmp_path / "packs" / f"{name}.yaml").write_text("name: x\nentities: {A: {context: [a]}}")
    monkeypatch.setattr(packs, "DATA", tmp_path)
    with pytest.raises(ValueError, match=r"y.yaml: A stands in x.yaml already"):
        load_packs.__wrapped__()
