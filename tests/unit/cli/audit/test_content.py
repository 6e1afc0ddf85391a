"""Reading kept texts takes a key and a reason, and is on record first; erasing takes the texts and nothing else."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from weir.audit.spool import records
from weir.datadir import DataDir
from weir.dlp.standins.vault import Vault

WHY = ("--reason", "ticket 12")


def test_it_shows_what_was_said_and_that_it_did(weir, kept: Any) -> None:
    done = weir("audit", "content", kept.asked.event_id, *WHY, "--data", kept.data)
    assert done.code == 0 and "Be brief." in done.out and "Who lives in \ufffd[31mCham?" in done.out
    assert all(len(line) <= 80 for line in done.out.splitlines()[1:])
    (read,) = kept.rows("disclosure")
    assert (read["reason"], read["event"], read["outcome"]) == ("ticket 12", kept.asked.event_id, "opened")
    assert read["exchange_id"] == kept.asked.exchange_id and read["by"]


def test_an_exchange_is_all_its_events(weir, kept: Any) -> None:
    done = weir("audit", "content", kept.asked.exchange_id, *WHY, "--data", kept.data, "--format", "json")
    asked, answered = json.loads(done.out)
    assert [one["text"] for one in asked["segments"]][1].startswith("Who lives")
    assert answered["reply"] == "Some 17,000 people."
    assert answered["tool_calls"] == [{"name": "look", "arguments": '{"in":"Cham"}', "call_id": "c1"}]
    assert len(kept.rows("disclosure")) == 2


def test_what_the_store_has_is_found_there(weir, make_kept: Callable[..., Any]) -> None:
    kept = make_kept(ingested=True)
    done = weir("audit", "content", kept.answered.event_id, *WHY, "--data", kept.data)
    assert done.code == 0 and "Some 17,000 people." in done.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["{event}"], 2, "say why"),
        (["{event}", "--reason", " \t"], 2, "say why"),
        (["nonsense", *WHY], 2, "UUID"),
        (["01890a5d-ac96-774b-bcce-b302099a8057", *WHY], 1, "knows no event"),
    ],
)
def test_what_is_refused(weir, kept: Any, arguments: list[str], code: int, said: str) -> None:
    given = [one.format(event=kept.asked.event_id) for one in arguments]
    done = weir("audit", "content", *given, "--data", kept.data)
    assert (done.code, done.out) == (code, "") and said in done.err and done.err.count("\n") == 1
    assert kept.rows("disclosure") == []


def test_nothing_is_shown_that_is_not_on_record(weir, kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(records, "write_records", refuse)
    done = weir("audit", "content", kept.asked.event_id, *WHY, "--data", kept.data)
    assert (done.code, done.out) == (1, "") and "nothing is shown" in done.err and "No space" in done.err


def test_without_the_key(weir, kept: Any) -> None:
    (kept.data / "secrets" / "content.keys").unlink()
    done = weir("audit", "content", kept.asked.event_id, *WHY, "--data", kept.data)
    assert (done.code, done.out) == (1, "") and "--policy" in done.err


def test_the_policy_says_where_the_key_is(weir, kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kept.data / "secrets" / "content.keys"
    monkeypatch.setenv("CONTENT_KEY", path.read_text().strip())
    path.unlink()
    policy = kept.data.parent / "policy.yaml"
    policy.write_text('version: 1\naudit: {content: {keep: full, key: "env:CONTENT_KEY"}}\n')
    done = weir("audit", "content", kept.asked.event_id, *WHY, "--data", kept.data, "--policy", policy)
    assert done.code == 0 and "Be brief." in done.out


@pytest.mark.parametrize("of", ["--user", "--conversation"])
def test_erased_is_erased_and_on_record(weir, kept: Any, of: str) -> None:
    name = kept.asked.user if of == "--user" else kept.asked.conversation_id
    home = DataDir(kept.data)
    vault = Vault(kept.data / "pseudonyms.db", lambda: home.secret("pseudonym-vault"))
    for talk in (kept.asked.conversation_id, "another"):
        vault.put(talk, lambda: b"a real address", 3600)
    vault.flush(5)
    done = weir("audit", "erase", of, name, *WHY, "--yes", "--data", kept.data)
    assert done.code == 0 and "1 key destroyed, pseudonyms of 1 conversation removed" in done.out
    again = weir("audit", "content", kept.asked.exchange_id, *WHY, "--data", kept.data)
    assert (again.code, again.out) == (1, "") and again.err.count("its texts were erased") == 2
    with closing(sqlite3.connect(kept.data / "pseudonyms.db")) as connection:
        assert connection.execute("SELECT count(*) FROM sealed").fetchone()[0] == 2  # the other one, and the probe
    (erased,) = kept.rows("erasure")
    assert (erased["of"], erased["keys"], erased["conversations"], erased["pseudonyms"]) == (of[2:], 1, 1, 1)
    assert "ticket 12" in str(erased["reason"])
    told = weir("audit", "timeline", "--user", "anna", "--data", kept.data)
    assert "17,000" not in told.out and told.code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--yes"], "one of --user and --conversation"),
        (["--user", "a", "--conversation", "b", "--yes"], "one of --user and --conversation"),
        (["--user", "anna"], "say --yes"),
    ],
)
def test_an_erasure_that_is_not_meant(weir, kept: Any, arguments: list[str], said: str) -> None:
    done = weir("audit", "erase", *arguments, *WHY, "--data", kept.data)
    assert done.code == 2 and said in done.err
    assert kept.rows("erasure") == []


def test_an_erasure_needs_a_reason(weir, kept: Any) -> None:
    assert weir("audit", "erase", "--user", "anna", "--yes", "--data", kept.data).code == 2
