"""``weir prices``: what a model costs, and lists put in force."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unit.usage.test_snapshots import price_list

POLICY = "version: 1\nusage: {prices: own.yaml}\n"
OWN = "version: 1\nprices:\n  - {provider: house, model: llama-*, input: 0.25, output: 1}\n"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    (tmp_path / "own.yaml").write_text(OWN)
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def test_show_names_rates_tiers_and_whose_word_it_is(weir, tmp_path: Path) -> None:
    done = weir("prices", "show", "claude-sonnet-4-5", "--provider", "anthropic", "--data", tmp_path / "d")
    assert done.code == 0
    assert "3.75" in done.out and "over 200,000" in done.out and "genai-prices-" in done.out
    assert all(len(line) <= 80 for line in done.out.splitlines())
    assert "where a reply reports how many: cache write 1h, web searches\n" in done.err
    searched = weir("prices", "show", "gpt-5", "--provider", "openai", "--data", tmp_path / "d")
    assert "not counted: storage searches\n" in searched.err
    assert not (tmp_path / "d").exists()


def test_show_as_json_at_a_date(weir, tmp_path: Path) -> None:
    done = weir("prices", "show", "gpt-4o", "--at", "2026-01-01", "--data", tmp_path / "d", "--format", "json")
    made = json.loads(done.out)
    assert made["at"] == "2026-01-01T00:00:00Z"
    (openai,) = [price for price in made["prices"] if price["provider"] == "openai"]
    assert (openai["input"], openai["output"], openai["cache_read"], openai["cache_write"]) == (
        "2.5", "10", "1.25", None,
    )  # fmt: skip


def test_ones_own_price_comes_with_its_line(weir, policy: Path, tmp_path: Path) -> None:
    done = weir("prices", "show", "llama-3", "--policy", policy, "--data", tmp_path / "d", "--format", "json")
    (price,) = [price for price in json.loads(done.out)["prices"] if price["provider"] == "house"]
    assert (price["input"], price["source"]) == ("0.25", f"override {tmp_path / 'own.yaml'}:3")


def test_people_see_the_place_as_seen_from_here(weir, policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (policy.parent / "below").mkdir()
    for folder, place in ((policy.parent, "own.yaml:3"), (policy.parent / "below", "../own.yaml:3")):
        monkeypatch.chdir(folder)
        done = weir("prices", "show", "llama-3", "--provider", "house", "--policy", policy)
        assert done.out.splitlines()[-1].endswith(f"override {place}")


@pytest.mark.parametrize("arguments", [["house-model-7"], ["gpt-4o", "--provider", "anthropic"]])
def test_an_unpriced_model_is_an_error(weir, tmp_path: Path, arguments: list[str]) -> None:
    done = weir("prices", "show", *arguments, "--data", tmp_path / "d")
    assert done.code == 1
    assert "is unpriced" in done.err


def test_a_wrong_file_of_ones_own_is_told_with_its_line(weir, policy: Path, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN.replace("1}", "one}"))
    shown = weir("prices", "show", "llama-3", "--policy", policy)
    assert (shown.code, shown.out) == (2, "")
    assert f"{tmp_path / 'own.yaml'}:3: prices[0].output: is not a price" in shown.err
    checked = weir("check", policy)
    assert checked.code == 1
    assert f"{tmp_path / 'own.yaml'}:3: prices[0].output" in checked.out


def test_update_puts_a_list_in_force(weir, tmp_path: Path) -> None:
    file, data = tmp_path / "data.json", tmp_path / "d"
    file.write_bytes(price_list())
    done = weir("prices", "update", "--file", file, "--data", data, "--format", "json")
    made = json.loads(done.out)
    assert (done.code, made["models"], made["added"], made["changed"]) == (0, 1, 0, 1)
    assert made["before"].startswith("genai-prices-0.")
    assert made["removed"] > 2000 and f"{made['removed']} models" in done.err
    shown = weir("prices", "show", "gpt-4o", "--data", data, "--format", "json")
    assert [(p["input"], p["source"]) for p in json.loads(shown.out)["prices"] if p["provider"] == "openai"] == [
        ("3", made["name"])
    ]
    Path(made["file"]).write_bytes(b"[]")
    broken = weir("prices", "show", "gpt-4o", "--data", data)
    assert broken.code == 1 and "was changed since" in broken.err


@pytest.mark.parametrize(("content", "code"), [(b"{}", 1), (None, 2)])
def test_update_refuses_what_is_none(weir, tmp_path: Path, content: bytes | None, code: int) -> None:
    file = tmp_path / "data.json"
    if content is not None:
        file.write_bytes(content)
    done = weir("prices", "update", "--file", file, "--data", tmp_path / "d")
    assert (done.code, done.out) == (code, "")
    assert "data.json" in done.err and len(done.err.splitlines()) == 1
    assert not (tmp_path / "d").exists(), "a list that is refused makes no data directory"


def test_wrong_date(weir) -> None:
    done = weir("prices", "show", "gpt-4o", "--at", "yore")
    assert (done.code, done.out) == (2, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["", "--provider", "openai"], "name a model"),
        (["  "], "name a model"),
        (["gpt-5", "--provider", "nobody"], "weir knows no provider nobody; weir providers lists them"),
        (["gpt-5", "--at", "2026-13-01"], "is no time"),
    ],
)
def test_what_nobody_can_answer_says_why(weir, tmp_path: Path, arguments: list[str], said: str) -> None:
    done = weir("prices", "show", *arguments, "--data", tmp_path / "d")
    assert (done.code, done.out) == (2, "") and said in done.err


def test_a_name_does_nothing_to_the_terminal(weir, tmp_path: Path) -> None:
    done = weir("prices", "show", "\x1b[31m" + "x" * 3000, "--data", tmp_path / "d")
    assert done.code == 1 and "\x1b" not in done.err and len(done.err) < 300
