"""Files of recorded traffic, read with mitmproxy's readers: one exchange at a time, mistakes by their place."""

from __future__ import annotations

import base64
import gc
import gzip
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.test import tflow

from harness.effort import within
from harness.recorded import exchange, har, mitm, socket
from weir.cli.recordings import Message, Recorded, RecordingError, read

URL = "https://api.openai.com/v1/chat/completions?x=1"
Write = Callable[[Path, list[Any]], Path]


def everything(path: Path) -> list[Recorded]:
    return list(read(path, lambda done: None))


@pytest.mark.parametrize("write", [mitm, har])
def test_what_an_exchange_was(tmp_path: Path, write: Write) -> None:
    flow = exchange(URL, {"a": 1}, {"b": "ü"}, status=201, headers={"x-a": "1"}, reply_headers={"x-b": "2"})
    (one,) = everything(write(tmp_path / "a", [flow]))
    assert (one.number, one.method, one.scheme, one.host, one.port) == (1, "POST", "https", "api.openai.com", 443)
    assert (one.target, json.loads(one.body), one.status) == ("/v1/chat/completions?x=1", {"a": 1}, 201)
    assert json.loads(one.reply_body or b"") == {"b": "ü"}
    assert ("x-a", "1") in one.headers and ("x-b", "2") in one.reply_headers
    assert one.at == pytest.approx(1_790_000_000.25) and one.messages is None


def test_bodies_stay_as_they_went_over_the_wire(tmp_path: Path) -> None:
    packed = gzip.compress(b'{"a":1}')
    flow = exchange(
        URL, packed, packed, headers={"content-encoding": "gzip"}, reply_headers={"content-encoding": "gzip"}
    )
    (one,) = everything(mitm(tmp_path / "a.mitm", [flow]))
    assert one.body == packed == one.reply_body
    (other,) = everything(har(tmp_path / "a.har", [flow]))
    assert (other.body, other.reply_body) == (b'{"a":1}', b'{"a":1}')  # a HAR file has them without their coding


@pytest.mark.parametrize("write", [mitm, har])
def test_messages_of_a_socket(tmp_path: Path, write: Write) -> None:
    flow = socket("https://api.openai.com/v1/realtime", [(True, "hello"), (False, b"\x00\x01")])
    (one,) = everything(write(tmp_path / "a", [flow]))
    assert one.messages == (Message(True, True, b"hello"), Message(False, False, b"\x00\x01"))


def test_what_is_no_http_is_counted_as_what_it_is(tmp_path: Path) -> None:
    found = everything(mitm(tmp_path / "a", [tflow.ttcpflow(), exchange(URL, {}), tflow.tdnsflow()]))
    assert [(one.number, one.other) for one in found] == [(1, "tcp"), (2, ""), (3, "dns")]


@pytest.mark.parametrize("write", [mitm, har])
def test_no_reply(tmp_path: Path, write: Write) -> None:
    (one,) = everything(write(tmp_path / "a", [exchange(URL, {}, status=None)]))
    assert one.status is None


ENTRY: dict[str, Any] = {
    "startedDateTime": "2026-09-21T14:13:20.250Z",
    "time": 12,
    "request": {"method": "POST", "url": URL, "httpVersion": "h2", "headers": [], "postData": {"text": "{}"}},
    "response": {"status": 200, "httpVersion": "h2", "headers": [], "content": {"text": "{}"}},
}


def written(path: Path, *entries: Any, before: str = "") -> Path:
    path.write_text(f'{{"log": {{"version": "1.2", {before} "entries": {json.dumps(entries)}, "comment": "x"}}}}')
    return path


def changed(side: str, **more: Any) -> dict[str, Any]:
    return {**ENTRY, side: {**ENTRY[side], **more}}


def test_har_files_of_browsers(tmp_path: Path) -> None:
    pages = '"pages": [{"title": "a \\"entries\\": [1] b"}],'
    found = everything(written(tmp_path / "a.har", ENTRY, changed("request", postData={"params": []}), before=pages))
    assert [one.host for one in found] == ["api.openai.com"] * 2
    assert found[1].body == b""


def test_a_byte_order_mark_does_not_matter(tmp_path: Path) -> None:
    path = written(tmp_path / "a.har", ENTRY)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(everything(path)) == 1


def test_a_body_that_was_not_recorded_is_told_from_an_empty_one(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.har", changed("response", content={"size": 5}), changed("response", content={"size": 0})
    )
    assert [one.reply_body for one in everything(path)] == [None, b""]


def test_bytes_in_a_har_file(tmp_path: Path) -> None:
    content = {"text": base64.b64encode(b"\x00\xff").decode(), "encoding": "base64"}
    (one,) = everything(written(tmp_path / "a.har", changed("response", content=content)))
    assert one.reply_body == b"\x00\xff"


SECRET = "do-not-quote-me"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ('{"log": {}}', "no HAR file"),
        ('{"entries": "x"}', "no HAR file"),
        (f'{{"log": {{"entries": [{{"request": "{SECRET}', "entry 1 can't be read: the file ends in it"),
        (f'{{"log": {{"entries": [{json.dumps(ENTRY)},', "entry 2 can't be read: the file ends in it"),
        (f'{{"log": {{"entries": [{json.dumps(ENTRY)}, {{"{SECRET}": 1}}]}}}}', "entry 2 can't be read: no request"),
        (f'{{"log": {{"entries": [{{"request": {{"{SECRET}": tru}}}}]}}}}', "entry 1 can't be read: JSONDecodeError"),
        (SECRET, "neither a HAR file nor whole flows"),
        (f"9999:{SECRET}", "neither a HAR file nor whole flows"),
        ("4:true!", "neither a HAR file nor whole flows"),
    ],
)
def test_a_broken_file_is_told_by_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a").write_text(text)
    with pytest.raises(RecordingError, match=said) as caught:
        everything(tmp_path / "a")
    assert SECRET not in str(caught.value)


def test_a_file_of_flows_that_is_cut_gives_what_stands_before(tmp_path: Path) -> None:
    path = mitm(tmp_path / "a", [exchange(URL, {}), exchange(URL, {"b": SECRET})])
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    found = []
    with pytest.raises(RecordingError, match="is damaged or cut off: flow 2, which begins at byte") as caught:
        found.extend(one.number for one in read(path, lambda done: None))
    assert SECRET not in str(caught.value)
    start = int(str(caught.value).partition("byte ")[2].partition(",")[0])
    assert 0 < start < len(whole) - 40


@pytest.mark.parametrize("write", [mitm, har])
def test_what_is_held_does_not_grow_with_the_file(tmp_path: Path, write: Write) -> None:
    flow = exchange(URL, {"text": "x" * 400_000}, {"text": "y" * 400_000})
    most = []
    for count in (15, 45):
        path = write(tmp_path / "a", [flow] * count)
        told = list[int]()
        gc.collect()
        tracemalloc.start()
        try:
            assert sum(1 for _ in read(path, told.append)) == count
            most.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert told == sorted(told) and told[-1] <= path.stat().st_size
    assert most[1] < most[0] * 1.5


def test_a_long_head_is_searched_once(tmp_path: Path) -> None:
    path = tmp_path / "a.har"
    path.write_bytes(b'{"comment":"' + b'"entries"' * 4_000_000)

    def refused() -> None:
        with pytest.raises(RecordingError, match="no HAR file"):
            everything(path)

    within(5, refused)


@pytest.mark.parametrize("entries", ["[1, 2]", '["a"]', "[null]"])
def test_entries_that_are_none_are_told(tmp_path: Path, entries: str) -> None:
    path = tmp_path / "a.har"
    path.write_text(f'{{"log": {{"entries": {entries}}}}}')
    with pytest.raises(RecordingError, match="no entry"):
        everything(path)
