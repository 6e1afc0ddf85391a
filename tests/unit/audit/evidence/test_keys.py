from __future__ import annotations

from pathlib import Path

import pytest

from unit.audit.evidence.boots import key
from weir import datadir
from weir.audit.evidence.keys import FIRST, KEY, NEXT, PUBLIC, first_key, next_key, settle, signing_key
from weir.datadir import DataDirError


def test_a_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    made = signing_key(tmp_path, "p")
    assert signing_key(tmp_path, "p").verifier == made.verifier == first_key(tmp_path)
    assert made.verifier.name == "weir/p"
    assert (tmp_path / KEY).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / PUBLIC).stat().st_mode & 0o777 == 0o644
    assert made.private_text not in (tmp_path / PUBLIC).read_text()


def test_who_dies_while_the_first_key_is_made_has_lost_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datadir, "write_private", die)
    with pytest.raises(KeyboardInterrupt):
        signing_key(tmp_path, "p")
    monkeypatch.undo()
    (tmp_path / PUBLIC).unlink(missing_ok=True)
    made = signing_key(tmp_path, "p")
    (tmp_path / KEY).rename(tmp_path / FIRST)  # between the public line and the key
    assert signing_key(tmp_path, "p").verifier == made.verifier == first_key(tmp_path)
    (tmp_path / FIRST).write_bytes((tmp_path / KEY).read_bytes())  # between the key and the end
    assert signing_key(tmp_path, "p").verifier == made.verifier and not (tmp_path / FIRST).exists()
    (tmp_path / KEY).unlink()
    with pytest.raises(DataDirError, match="is gone"):
        signing_key(tmp_path, "p")


def die(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_key_open_to_others_is_refused(tmp_path: Path) -> None:
    made = signing_key(tmp_path, "p")
    (tmp_path / KEY).chmod(0o640)
    with pytest.raises(DataDirError, match="open to other users") as caught:
        signing_key(tmp_path, "p")
    assert made.private_text not in str(caught.value)


def test_a_file_that_is_no_key_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / KEY).write_text("hunter2")
    (tmp_path / KEY).chmod(0o600)
    with pytest.raises(DataDirError, match="holds no key") as caught:
        signing_key(tmp_path, "p")
    assert "hunter2" not in str(caught.value)
    (tmp_path / KEY).write_text(key(1, "q").private_text)
    with pytest.raises(DataDirError, match="another proxy"):
        signing_key(tmp_path, "p")


def test_a_public_line_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match="cannot be read"):
        first_key(tmp_path)
    (tmp_path / PUBLIC).write_text("x")
    with pytest.raises(DataDirError, match="no public key"):
        first_key(tmp_path)


def test_what_the_log_says_decides_which_key_signs(tmp_path: Path) -> None:
    old = signing_key(tmp_path, "p")
    new = next_key(tmp_path, "p")
    assert next_key(tmp_path, "p").verifier == new.verifier != old.verifier
    # died before the log had it: the old one goes on, the new one waits
    assert settle(tmp_path, "p", old.verifier).verifier == old.verifier
    # died after the log had it: the new one takes over
    assert settle(tmp_path, "p", new.verifier).verifier == new.verifier
    assert signing_key(tmp_path, "p").verifier == new.verifier
    assert first_key(tmp_path) == old.verifier  # the log still begins with it
    assert next_key(tmp_path, "p").verifier != new.verifier


def test_a_change_that_died_between_its_two_files_is_finished(tmp_path: Path) -> None:
    signing_key(tmp_path, "p")
    new = next_key(tmp_path, "p")
    kept = (tmp_path / NEXT).read_bytes()
    settle(tmp_path, "p", new.verifier)
    (tmp_path / NEXT).write_bytes(kept)
    (tmp_path / NEXT).chmod(0o600)
    assert settle(tmp_path, "p", new.verifier).verifier == new.verifier and not (tmp_path / NEXT).exists()


def test_a_key_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    made = signing_key(tmp_path, "p")
    (tmp_path / KEY).unlink()
    with pytest.raises(DataDirError, match="put it back"):
        signing_key(tmp_path, "p")
    assert first_key(tmp_path) == made.verifier and not (tmp_path / KEY).exists()


def test_a_key_the_log_does_not_know(tmp_path: Path) -> None:
    signing_key(tmp_path, "p")
    with pytest.raises(DataDirError, match="is not the key that the log"):
        settle(tmp_path, "p", key(9).verifier)
    next_key(tmp_path, "p")
    with pytest.raises(DataDirError, match="is not the key that the log"):
        settle(tmp_path, "p", key(9).verifier)
