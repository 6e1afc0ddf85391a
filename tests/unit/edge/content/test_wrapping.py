"""The wrapping keys: from their file or from a backend, held for seconds, and for an hour where that is down."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.audit.content.kek import KeyRingError, new_line
from weir.edge.content import wrapping
from weir.edge.content.wrapping import Wrapping, key_file, ring_of


def test_a_file_of_its_own_is_made_and_private(tmp_path: Path) -> None:
    with pytest.raises(KeyRingError):
        ring_of(tmp_path, None)
    ring = ring_of(tmp_path, None, create=True)
    assert ring_of(tmp_path, None).ids == ring.ids
    assert key_file(tmp_path).stat().st_mode & 0o777 == 0o600 and key_file(tmp_path).parent.name == "secrets"


def test_a_backend_gives_one_or_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = new_line().strip(), new_line().strip()
    monkeypatch.setenv("CONTENT_KEY", f"{second},{first}")
    assert len(ring_of(tmp_path, "env:CONTENT_KEY").ids) == 2
    assert not key_file(tmp_path).exists()


@pytest.mark.parametrize("value", ["", "not a key at all"])
def test_a_backend_without_a_key(tmp_path: Path, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTENT_KEY", value)
    with pytest.raises(KeyRingError, match=r"^audit.content.key: ") as problem:
        ring_of(tmp_path, "env:CONTENT_KEY")
    assert "not a key at all" not in str(problem.value)


def test_nobody_is_asked_for_each_conversation_and_an_outage_is_bridged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, asked = [100.0], []

    def answer(data: Path, reference: str | None, *, create: bool = False) -> object:
        asked.append(now[0])
        if now[0] in down:
            raise KeyRingError("audit.content.key: no answer")
        return ring

    ring, down = ring_of(tmp_path, None, create=True), {110.0, 120.0, 9000.0}
    monkeypatch.setattr(wrapping, "ring_of", answer)
    held = Wrapping(tmp_path, "vault:x", mono=lambda: now[0])
    assert held() is ring and held() is ring and asked == [100.0]
    now[0] = 110.0
    assert held() is ring and asked == [100.0, 110.0]
    now[0] = 111.0
    assert held.renewed() is ring and asked[-1] == 111.0  # a rotation waits for nobody
    now[0] = 9000.0
    with pytest.raises(KeyRingError):
        held()
    assert repr(held) == "Wrapping(hidden)"
