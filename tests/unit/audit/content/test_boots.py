from __future__ import annotations

from pathlib import Path

from weir.audit.content.boots import Boots


def test_a_boot_that_ended_in_order_is_forgotten_and_one_that_left_texts_is_not(tmp_path: Path) -> None:
    boots = Boots(tmp_path)
    boots.ended("p-0")
    assert boots.others("p-1") == {} and not boots.path.exists()  # whoever keeps nothing writes nothing
    for name in ("p-1", "p-2", "p-3"):
        boots.begun(name)
    boots.left("p-2", ["one"])
    boots.begun("p-2")
    boots.left("p-2", ["two"])
    boots.ended("p-1")
    boots.ended("p-2")
    assert Boots(tmp_path).others("p-3") == {"p-2": ["one", "two"]}
    assert boots.path.stat().st_mode & 0o777 == 0o600
    boots.forget(["p-2"])
    assert boots.others("") == {"p-3": []}


def test_a_damaged_file_names_nobody(tmp_path: Path) -> None:
    boots = Boots(tmp_path)
    for raw in (b"{", b"[1]", b'{"p-1": 3, "p-2": [4]}'):
        boots.path.write_bytes(raw)
        assert boots.others("") in ({}, {"p-2": []})
