"""Checks of the stores of budgets and rates: none shows an address, none makes a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.cli.checkup import limits
from weir.limits.ledger import Ledger
from weir.settings import Settings, loads

BUDGET = "budgets: [{usd: 5, per: day}]\n"
RATE = "rates: [{requests: 5}]\n"
NOBODY = "127.0.0.1:1"  # a port where nothing listens
SECRET = "".join(["pass", "word", "-", "77"])


def read(text: str) -> Settings:
    return loads(f"version: 1\n{text}")


def test_without_limits_nothing_is_asked(tmp_path: Path) -> None:
    assert limits.budgets(read(RATE), tmp_path) == [] and limits.rates(read(BUDGET)) == []


def test_a_file_is_opened_and_none_is_made(tmp_path: Path) -> None:
    (fresh,) = limits.budgets(read(BUDGET), tmp_path)
    assert fresh.status == "ok" and not list(tmp_path.iterdir())
    Ledger.open(tmp_path / "limits.db").close()
    (found,) = limits.budgets(read(BUDGET), tmp_path)
    assert (found.status, found.detail) == ("ok", f"counted in {tmp_path / 'limits.db'}")
    (tmp_path / "limits.db").write_bytes(b"this is no database " * 100)
    (broken,) = limits.budgets(read(f"on_failure: allow\n{BUDGET}"), tmp_path)
    assert broken.status == "fail" and broken.remedy == "until then requests get on_failure: allow"


def test_rates_in_memory_are_said_to_be_there() -> None:
    (result,) = limits.rates(read(RATE))
    assert result.status == "ok" and "each weir process for itself" in result.detail


@pytest.mark.parametrize("store", ["budgets", "rates"])
@pytest.mark.parametrize(
    ("address", "said"),
    [
        (None, "WEIR_TEST_STORE is not set"),
        (f"mysql://weir:{SECRET}@{NOBODY}/weir", "what the reference yields is no "),
        (f"SCHEME://weir:{SECRET}@{NOBODY}/0", "cannot be used: "),
    ],
)
def test_a_store_that_is_not_there_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str, address: str | None, said: str
) -> None:
    settings = read(f'{BUDGET}{RATE}stores: {{{store}: "env:WEIR_TEST_STORE", timeout_ms: 300}}\n')
    if address is not None:
        scheme = {"budgets": "postgresql", "rates": "redis"}[store]
        monkeypatch.setenv("WEIR_TEST_STORE", address.replace("SCHEME", scheme))
    (result,) = limits.budgets(settings, tmp_path) if store == "budgets" else limits.rates(settings)
    assert (result.name, result.status) == (store, "fail") and said in result.detail and result.remedy
    assert SECRET not in repr(result) and NOBODY not in repr(result)
    if "cannot be used" in said:
        assert f"stores.{store}" in result.remedy and result.remedy.endswith("on_failure: block")
