"""``weir dlp``: fingerprints, the list of detectors, and that no value is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

VALUES = ("DE89 3704 0044 0532 0130 00", "C-1234567")


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "My Customers.csv"
    path.write_text(f"iban,customer_id,city\n{','.join(VALUES)},Berlin\nx,1,y,z\n,12,Bonn\n")
    return path


def test_fingerprints_are_made_and_found(weir: Callable, table: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = weir("dlp", "fingerprint", table, "--columns", "iban, customer_id", "--data", data)
    assert done.code == 0 and "exact/my-customers" in done.out and "my-customers.fp" in done.out
    assert "1 line could not be read, not in the file (line 3)" in done.err
    assert "1 value refused, customer_id: too short; --allow-short takes them" in done.err
    assert "2 of 3 in iban, customer_id, as 2 fingerprints" in done.out and " 0.0 " not in done.out
    made = (tmp_path / "my-customers.fp").read_bytes()
    assert b"1234567" not in made and not any(value in done.out + done.err for value in VALUES)
    policy = tmp_path / "p.yaml"
    policy.write_text("version: 1\ndlp: {exact: [my-customers.fp]}\n")
    text = tmp_path / "a.txt"
    text.write_text("About c1234567 and de89370400440532013000.")
    found = json.loads(weir("scan", text, "--policy", policy, "--data", data, "--format", "json").out)["findings"]
    assert [(one["detector"], one["start"], one["end"]) for one in found if one["category"] == "exact"] == [
        ("exact/my-customers", 6, 14), ("exact/my-customers", 19, 41),
    ]  # fmt: skip
    listed = json.loads(weir("dlp", "rules", "--policy", policy, "--format", "json").out)
    assert [one["id"] for one in listed if one["category"] == "exact"] == ["exact/my-customers"]


def test_the_key_of_another_data_directory_does_not_do(weir: Callable, table: Path, tmp_path: Path) -> None:
    assert (
        weir("dlp", "fingerprint", table, "--columns", "iban", "--data", tmp_path / "data", "--out", "c.fp").code == 0
    )
    policy = tmp_path / "p.yaml"
    policy.write_text("version: 1\ndlp: {exact: [c.fp]}\n")
    for data, said in (("none", "name it with --data"), ("other", "another data directory")):
        (tmp_path / "other").mkdir(mode=0o700, exist_ok=True)
        done = weir("scan", table, "--policy", policy, "--data", tmp_path / data)
        assert done.code == 2 and said in done.err


def test_the_help_shows_what_to_write(weir: Callable) -> None:
    told = " ".join(weir("dlp", "fingerprint", "--help").out.split())
    assert "(dlp: {exact: [customers.fp]}). Run again" in told


def test_counts_for_programs(weir: Callable, table: Path, tmp_path: Path) -> None:
    done = weir(
        "dlp", "fingerprint", table, "--columns", "customer_id", "--data", tmp_path / "d", "--label", "ids",
        "--allow-short", "--format", "json",
    )  # fmt: skip
    made = json.loads(done.out)
    assert (made["detector"], made["values"], made["bad_lines"], made["first_bad_lines"]) == ("exact/ids", 2, 1, [3])
    assert made["refused"] == {} and made["bytes"] == (tmp_path / "ids.fp").stat().st_size


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["none.csv", "--columns", "a"], 2, "is not a file"),
        (["My Customers.csv", "--columns", " , "], 2, "no column is named"),
        (["My Customers.csv", "--columns", "iban", "--label", "A/B"], 2, "a label is lower-case"),
        (["My Customers.csv", "--columns", "ibna"], 1, "write iban"),
        (["My Customers.csv", "--columns", "iban", "--out", "none/x.fp"], 1, "No such file"),
        (["My Customers.csv"], 2, "--columns"),
    ],
)
def test_mistakes_say_what_to_write(
    arguments: list[str], code: int, said: str, weir: Callable, table: Path, tmp_path: Path
) -> None:
    done = weir("dlp", "fingerprint", *arguments, "--data", tmp_path / "d")
    assert done.code == code and said in done.err and done.out == ""


def test_all_detectors_are_listed(weir: Callable) -> None:
    done = weir("dlp", "rules")
    assert done.code == 0
    for name in ("secret/openai-key", "pii/EMAIL_ADDRESS", "pii/US_SSN"):
        assert name in done.out
    secrets = json.loads(weir("dlp", "rules", "--category", "secret", "--format", "json").out)
    assert len(secrets) > 40 and {one["category"] for one in secrets} == {"secret"}
    assert set(secrets[0]) == {"id", "category", "description", "severity", "source", "kind", "pack", "on"}
    done = weir("dlp", "rules", "--category", "nothing")
    assert done.code == 2 and "secret" in done.err


def test_names_of_detectors_are_never_broken(weir: Callable) -> None:
    done = weir("dlp", "rules", "--category", "marking")
    names = {line.split()[0] for line in done.out.splitlines() if line.startswith("marking/")}
    made = json.loads(weir("dlp", "rules", "--category", "marking", "--format", "json").out)
    assert names == {one["id"] for one in made}
    assert f"{len(names)} detectors, " in done.err


def test_one_detector_is_told_whole(weir: Callable) -> None:
    for name in ("secret/openai-key", "openai-key"):
        made = json.loads(weir("dlp", "rules", name, "--format", "json").out)
        assert made["regex"] and made["match"] and made["miss"] and made["on"]
    done = weir("dlp", "rules", "pii/US_SSN")
    assert "Presidio's" in done.out and "social security" in done.out
    done = weir("dlp", "rules", "openai-kye")
    assert done.code == 2 and "secret/openai-key" in done.err
