"""``weir discover``'s table."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.cli.app import start


def test_what_no_line_told_takes_no_column_and_numbers_are_in_one_piece(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_text("Zeit,Wer,domain,bytes in\n2026-01-02 12:00:00,ann,chatgpt.com,1234567\n")
    assert start(["discover", str(tmp_path / "a.csv")]) == 0
    out, err = capsys.readouterr()
    assert out.split("\n")[0].split() == ["service", "status", "requests", "down"]
    assert "1.2\N{NO-BREAK SPACE}MB" in out
    assert "no time, user, address, bytes up found in its columns" in err
    assert "--column ts=…,user=…,source=…,bytes_up=…" in err
    assert start(["discover", str(tmp_path / "a.csv"), "--column", "ts=Zeit,user=Wer"]) == 0
    out, err = capsys.readouterr()
    assert out.split("\n")[0].split() == ["service", "status", "users", "requests", "down", "last", "used"]
    assert "no address, bytes up found" in err
