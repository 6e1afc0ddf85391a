from __future__ import annotations

import stat
from pathlib import Path

import pytest

from weir.audit.evidence.covered import begins
from weir.audit.evidence.merkle import Frontier, leaf_hash
from weir.audit.spool.retired import NOTHING, BadRetired, Retired, left_of, path_of, retired, save


def edge(count: int) -> Frontier:
    tree = Frontier()
    for number in range(count):
        tree.append(leaf_hash(number.to_bytes(32)))
    return tree


def kept(count: int, number: int) -> Retired:
    return Retired(count, number, "ab" * 32, edge(count).hashes, 1_700_000_000_000_000)


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    assert retired(tmp_path) == {}
    one = {"p-b": kept(13, 2), "p-a": kept(1, 1), "p-empty": Retired(0, 1)}
    save(tmp_path, one)
    assert retired(tmp_path) == one
    assert retired(tmp_path)["p-b"].frontier.root() == edge(13).root()
    assert stat.S_IMODE(path_of(tmp_path).stat().st_mode) == 0o600


def test_the_examination_of_checkpoints_reads_the_same(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    save(tmp_path, {"p-b": kept(13, 2)})
    begin = begins(tmp_path)["p-b"]
    assert (begin.tree.size, begin.tree.root(), begin.head) == (13, edge(13).root(), "ab" * 32)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"chains": []}',
        '{"chains": {"p-b": {}}}',
        '{"chains":{"a":{"size":3,"segments":1,"row_hash":"' + "00" * 32 + '","hashes":[],"ts":1}}}',
        '{"chains":{"a":{"size":0,"segments":1,"row_hash":"00","hashes":[],"ts":1}}}',
        '{"chains":{"a":{"size":-1,"segments":1,"row_hash":"' + "00" * 32 + '","hashes":[],"ts":1}}}',
        '{"chains":{"a":{"size":0,"segments":1,"row_hash":7,"hashes":[],"ts":1}}}',
    ],
)
def test_a_damaged_file_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "audit").mkdir()
    path_of(tmp_path).write_text(text)
    with pytest.raises(BadRetired, match="put it back from a backup"):
        retired(tmp_path)


def test_files_that_a_crash_left_behind_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    (tmp_path / "spool").mkdir()
    for name in ("p-a-000001.jsonl", "p-b-000001.jsonl.zst", "p-b-000002.jsonl", "p-b-000003.jsonl"):
        (tmp_path / "spool" / name).touch()
    save(tmp_path, {"p-b": kept(4, 2), "p-a": kept(1, 1)})
    chains, gone = left_of(tmp_path)
    assert {name: [path.name for path in paths] for name, paths in chains.items()} == {"p-b": ["p-b-000003.jsonl"]}
    assert gone["p-b"].seq == 4 and gone.get("p-c", NOTHING).seq == 0
