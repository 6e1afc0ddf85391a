"""Zeek's logs, tab-separated and JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.logs.opening import open_log
from weir.logs.reading import Asked, Reading, read
from weir.logs.recognise import Unrecognised


def reading(path: Path, text: str) -> Reading:
    path.write_text(text)
    with open_log(path) as log:
        return read(log, Asked())


def test_columns_come_from_the_header(tmp_path: Path) -> None:
    made = reading(
        tmp_path / "log",
        "#separator \\x09\n#path\tssl\n#fields\tserver_name\tts\tid.orig_h\n#types\tstring\ttime\taddr\n"
        "ai.example\t1767355200.0\t10.0.0.1\n-\t1767355200.0\t10.0.0.1\nshort\n#close\t2026\n",
    )
    (use,) = made.uses
    assert (made.format, use.host, use.source, use.first) == ("zeek", "ai.example", "10.0.0.1", 1_767_355_200_000_000)
    assert made.examples == {"no destination": (6,), "not as many fields as #fields names": (7,)}


def test_json(tmp_path: Path) -> None:
    made = reading(
        tmp_path / "log",
        '{"ts":"2026-01-02T12:00:00Z","id.orig_h":"10.0.0.1","host":"ai.example","uri":"/v1?q=1","user_agent":"a/1",'
        '"request_body_len":5,"response_body_len":7,"username":"ann"}\n{"ts":1\n',
    )
    (use,) = made.uses
    assert (use.host, use.user, use.agent, use.bytes_up, use.bytes_down) == ("ai.example", "ann", "a", 5, 7)
    assert use.first == 1_767_355_200_000_000
    assert made.bad == {"not JSON": 1}


def test_a_log_without_hosts(tmp_path: Path) -> None:
    with pytest.raises(Unrecognised):
        reading(tmp_path / "log", "#path\tconn\n#fields\tts\tid.orig_h\tid.resp_h\n1\t10.0.0.1\t10.0.0.2\n")
