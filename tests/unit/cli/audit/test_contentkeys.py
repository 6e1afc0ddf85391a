"""A rotation: everything under the new key, the old one gone, the texts as readable as before."""

from __future__ import annotations

from typing import Any

import pytest

from weir.audit.content.kek import KeyRing

WHY = ("--reason", "ticket 12")


def test_a_key_for_a_backend(weir) -> None:
    done = weir("audit", "content-keys", "make")
    assert done.code == 0 and len(KeyRing.parse(done.out).ids) == 1


def test_the_file_is_rotated(weir, kept: Any) -> None:
    path = kept.data / "secrets" / "content.keys"
    old = path.read_text().strip()
    done = weir("audit", "content-keys", "rotate", "--data", kept.data)
    assert (done.code, done.err) == (
        0,
        "",
    ) and "1 key of texts under the new key, 1 old wrapping key destroyed" in done.out
    assert old not in path.read_text() and path.stat().st_mode & 0o777 == 0o600
    assert "Be brief." in weir("audit", "content", kept.asked.event_id, *WHY, "--data", kept.data).out


def test_a_file_of_another_store_is_left_as_it_is(weir, kept: Any) -> None:
    path = kept.data / "secrets" / "content.keys"
    other = weir("audit", "content-keys", "make").out
    path.write_text(other)
    done = weir("audit", "content-keys", "rotate", "--data", kept.data)
    assert done.code == 1 and "nothing was changed" in done.err
    assert path.read_text() == other


def test_a_backend_is_rotated_by_its_operator(weir, kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kept.data / "secrets" / "content.keys"
    old, new = path.read_text().strip(), weir("audit", "content-keys", "make").out.strip()
    path.unlink()
    policy = kept.data.parent / "policy.yaml"
    policy.write_text('version: 1\naudit: {content: {keep: full, key: "env:CONTENT_KEY"}}\n')
    rest = ("--data", kept.data, "--policy", policy)
    monkeypatch.setenv("CONTENT_KEY", new)
    done = weir("audit", "content-keys", "rotate", *rest)
    assert done.code == 1 and "nothing was changed" in done.err
    monkeypatch.setenv("CONTENT_KEY", f"{new},{old}")
    assert "take the old one out" in weir("audit", "content-keys", "rotate", *rest).out
    monkeypatch.setenv("CONTENT_KEY", new)
    assert "Be brief." in weir("audit", "content", kept.asked.event_id, *WHY, *rest).out


def test_where_there_are_none(weir, store: Any) -> None:
    done = weir("audit", "content-keys", "rotate", "--data", store)
    assert done.code == 1 and "nobody's texts" in done.err
