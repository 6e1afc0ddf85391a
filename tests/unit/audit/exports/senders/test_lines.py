from __future__ import annotations

import io
import os
import ssl
import stat
from pathlib import Path
from typing import Any

import pytest

from harness.receivers import Web as WebServer
from unit.audit.exports.rows import VERSION, every, full
from weir.audit.exports.formats import FORMATS, lines
from weir.audit.exports.senders.http import Http
from weir.audit.exports.senders.lines import BEGINNINGS, File, Stdout, Syslog, Web
from weir.audit.exports.senders.target import Gone

JSONL = FORMATS["jsonl"]


def test_a_file_that_only_grows_and_may_be_moved_away(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    made = File(path, JSONL, VERSION)
    assert made.deliver([full(), full()]) == []
    made.settle()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.rename(tmp_path / "out.1")
    assert made.deliver([full()]) == []
    made.settle()
    made.close()
    made.settle()  # closed: nothing to wait for
    assert [len(file.read_bytes().splitlines()) for file in (tmp_path / "out.1", path)] == [2, 1]


@pytest.mark.parametrize("format", FORMATS)
def test_a_line_that_broke_off_comes_again_whole(tmp_path: Path, format: str) -> None:
    whole = b"".join(line + b"\n" for line in lines(FORMATS[format](full(), VERSION)))
    last = whole.splitlines(keepends=True)[-1]
    for torn in (1, 10, len(last) - 1):
        path = tmp_path / f"{torn}"
        path.write_bytes(whole + last[:torn])
        made = File(path, FORMATS[format], VERSION)
        made.deliver([full()])
        made.close()
        assert path.read_bytes() == whole * 2


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_begins_as_it_is_known_by(format: str) -> None:
    for row in every():
        found = lines(FORMATS[format](row, VERSION))
        assert format in ("jsonl", "ocsf") or all(line.startswith(BEGINNINGS) for line in found)
    assert all(line.startswith(BEGINNINGS) for line in lines(FORMATS[format](full(), VERSION)))


def test_nothing_is_cut_off_a_file_that_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_bytes(b"root:x:0:0")
    made = File(path, JSONL, VERSION)
    made.deliver([full()])
    made.close()
    assert path.read_bytes().startswith(b"root:x:0:0\n{")


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        File(tmp_path / "no" / "out", JSONL, VERSION).deliver([full()])


def test_stdout_ends_with_its_reader() -> None:
    stream = io.BytesIO()
    made = Stdout(stream, FORMATS["cef"], VERSION)
    assert made.deliver([full(), full()]) == [] and len(stream.getvalue().splitlines()) == 2
    made.settle()
    made.close()
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb", buffering=0) as pipe, pytest.raises(Gone):
        Stdout(pipe, JSONL, VERSION).deliver([full()])


class Line:
    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.confirms = [True, False, False]
        self.closed = False

    def send(self, messages: Any) -> None:
        self.sent += messages

    def confirm(self) -> bool:
        return self.confirms.pop(0)

    def close(self) -> None:
        self.closed = True


def test_syslog_messages_of_every_line_and_one_word_about_half_a_confirmation() -> None:
    line, told = Line(), []
    made = Syslog(line, FORMATS["ocsf"], VERSION, host="edge-1", tell=told.append)  # type: ignore[arg-type]
    assert made.deliver([full()]) == [] and len(line.sent) == 3
    assert all(message.startswith(b"<") and b" edge-1 weir p1 response " in message for message in line.sent)
    for _ in range(3):
        made.settle()
    made.close()
    assert len(told) == 1 and "kernel" in told[0] and line.closed


def test_a_web_server_takes_lines() -> None:
    with WebServer() as server:
        made = Web(Http(f"http://127.0.0.1:{server.port}/in", ssl.create_default_context()), JSONL, VERSION)
        assert made.deliver([full(), full()]) == []
        made.settle()
        made.close()
    assert server.requests[0].path == "/in" and len(server.requests[0].body.splitlines()) == 2
    assert server.requests[0].headers["content-type"] == "application/x-ndjson"


def test_a_row_that_cannot_be_formatted_stops_no_other(tmp_path: Path) -> None:
    made = File(tmp_path / "out", lambda row, version: [1 / 0] if row["user"] == "x" else ["y"], VERSION)
    assert made.deliver([full(user="x"), full()]) == [(0, "it cannot be formatted (ZeroDivisionError)")]
    made.close()
    assert (tmp_path / "out").read_bytes() == b"y\n"
