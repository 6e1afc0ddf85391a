from __future__ import annotations

import pytest
import typer

from weir.cli.audit.disclosing import by, reason_given


def test_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):  # whoever reads writes these
        monkeypatch.setenv(name, "somebody-else")
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr("os.getuid", lambda: 0)
    assert by() == "root"
    monkeypatch.setenv("SUDO_USER", "anna\x1b[2J")
    assert by() == "root (for anna[2J)"
    monkeypatch.setattr("os.getuid", lambda: 4_000_123)
    assert by() == "uid 4000123"


def test_a_reason_is_one_line_and_not_endless() -> None:
    assert reason_given("x", " a\n\x1bb  c ") == "a b c"
    for bad in ("", "\n", "y" * 501):
        with pytest.raises(typer.Exit):
            reason_given("x", bad)
