"""Any single byte that is changed in any sealed file of an audit is found by ``verify``, and the file is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.sealedaudit import SealedAudit, whole
from weir.audit.evidence.compare import Problem
from weir.audit.evidence.verify import Verifier


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealedAudit]:
    made = whole(tmp_path_factory.mktemp("sealed"))
    kinds = {path.name.rpartition(".")[2] for path in made.sealed_files()}
    assert kinds == {"jsonl", "zst", "parquet", "content", "checkpoint"}
    assert problems(made) == []
    # What is asked of the store goes through DuckDB, which takes a second: the files alone have to show it here.
    (made.data.audit / "audit.duckdb").unlink()
    yield made


def problems(audit: SealedAudit) -> list[Problem]:
    found = Verifier(audit.data.path, published=[audit.published]).problems()
    return [problem for problem in found if problem.chain != "store"]


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_byte_of_any_sealed_file(audit: SealedAudit, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(audit.sealed_files()))
    at, bit = data.draw(st.integers(0, path.stat().st_size - 1)), data.draw(st.integers(0, 7))
    with Flipped(path, at, bit):
        found = problems(audit)
    named = {problem.file.rpartition("/")[2].removesuffix(".zst") for problem in found}
    chains = {problem.chain for problem in found}
    assert path.name.removesuffix(".zst") in named or path.name.rpartition("-")[0] in chains, (path, at, bit, found)


class Flipped:
    """One bit of a file, changed for a while."""

    def __init__(self, path: Path, at: int, bit: int) -> None:
        self._path, self._at, self._bit = path, at, bit

    def __enter__(self) -> None:
        self._flip()

    def __exit__(self, *_: object) -> None:
        self._flip()

    def _flip(self) -> None:
        with self._path.open("r+b") as file:
            file.seek(self._at)
            (byte,) = file.read(1)
            file.seek(self._at)
            file.write(bytes([byte ^ 1 << self._bit]))


def test_any_sealed_file_that_is_gone(audit: SealedAudit) -> None:
    for path in audit.sealed_files():
        if audit.published in path.parents:
            continue  # who takes a copy away takes nothing from the audit
        away = path.rename(path.with_name(".away"))
        assert problems(audit) != [], path
        away.rename(path)
    assert problems(audit) == []
