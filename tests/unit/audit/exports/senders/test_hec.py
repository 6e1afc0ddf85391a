from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.receivers import Papers, Splunk, papers
from unit.audit.exports.rows import VERSION, full
from weir.audit.exports.formats import FORMATS
from weir.audit.exports.senders import hec
from weir.audit.exports.senders.hec import Collector
from weir.audit.exports.senders.http import Http
from weir.audit.exports.senders.target import Unavailable
from weir.model import Secret

TOKEN = "synthetic-" + "hec-token"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers(tmp_path_factory.mktemp("papers"))


@pytest.fixture
def splunk(shown: Papers) -> Iterator[Splunk]:
    made = Splunk(shown, token=TOKEN)
    with made:
        yield made


def collector(splunk: Splunk, format: str = "", value: str = TOKEN) -> Collector:
    assert splunk.shown
    context = ssl.create_default_context(cafile=str(splunk.shown.ca))
    secret = Secret(value, name="token", hosts=("localhost",))
    http = Http(f"https://localhost:{splunk.port}", context, scheme="Splunk", token=lambda: secret)
    return Collector(http, FORMATS.get(format), VERSION, host="edge-1", sleep=lambda seconds: None)


def users(splunk: Splunk) -> list[str]:
    return [item["event"]["user"] for item in splunk.indexed]


def test_rows_and_formats_inside_their_envelope(splunk: Splunk) -> None:
    made = collector(splunk)
    assert made.deliver([full(user="a"), full(user="b")]) == []
    made.settle()
    assert users(splunk) == ["a", "b"] and splunk.indexed[0]["host"] == "edge-1"
    assert splunk.indexed[0]["fields"]["kind"] == "response" and not splunk.asked
    splunk.indexed.clear()
    assert collector(splunk, "ocsf").deliver([full()]) == []
    assert [item["event"]["class_uid"] for item in splunk.indexed] == [6003, 2006, 2004]
    splunk.indexed.clear()
    assert collector(splunk, "cef").deliver([full()]) == []
    assert splunk.indexed[0]["event"].startswith("CEF:0|weir|")


def test_a_wrong_event_is_named_and_all_others_come(splunk: Splunk) -> None:
    splunk.poison = lambda event: event["user"] in ("x", "y")
    sent = [full(user=name) for name in "axbcydefgh"]
    refused = collector(splunk).deliver(sent)
    assert [at for at, _ in refused] == [1, 4] and all("Invalid data format" in why for _, why in refused)
    assert set(users(splunk)) == set("abcdefgh")  # some of them twice: Splunk had indexed what came before


def test_trouble_that_is_no_row_s_fault(splunk: Splunk) -> None:
    with pytest.raises(Unavailable, match="403"):
        collector(splunk, value="another").deliver([full()])
    splunk.busy = 1
    with pytest.raises(Unavailable, match="503"):
        collector(splunk).deliver([full()])
    splunk.poison = lambda event: True
    with pytest.raises(Unavailable, match="refuses every row"):
        collector(splunk).deliver([full(), full()])
    splunk.answer = lambda request: (400, b'{"text":"Token disabled","code":1}', {})
    with pytest.raises(Unavailable, match="Token disabled"):
        collector(splunk).deliver([full()])


def test_rows_count_when_the_indexers_have_them(splunk: Splunk, monkeypatch: pytest.MonkeyPatch) -> None:
    splunk.acks = True
    made = collector(splunk)
    for user in "ab":
        made.deliver([full(user=user)])
    made.settle()
    assert splunk.asked == 2 and users(splunk) == ["a", "b"]
    made.settle()
    assert splunk.asked == 2
    monkeypatch.setattr(hec, "_WAIT_S", 0.0)
    splunk.asked = 0
    made.deliver([full()])
    with pytest.raises(Unavailable, match="did not acknowledge"):
        made.settle()
    made.settle()  # nothing waits any more: it is sent again


def test_a_row_that_cannot_be_formatted(splunk: Splunk, tmp_path: Path) -> None:
    made = collector(splunk)
    made._make = lambda row, version: [row["event_id"]] if row["user"] != "x" else [1 / 0]  # type: ignore[assignment]
    assert made.deliver([full(user="a"), full(user="x")]) == [(1, "it cannot be formatted (ZeroDivisionError)")]
    assert len(splunk.indexed) == 1
