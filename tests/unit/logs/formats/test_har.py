"""HAR: one entry at a time, whatever its strings hold and however the file is cut."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from weir.logs.format import Bad, Row
from weir.logs.formats import har


def _entry(**changed: Any) -> dict[str, Any]:
    request = {
        "method": "POST",
        "url": "https://claude.ai/chat",
        "headers": [{"name": "user-agent", "value": "curl/8"}],
    }
    request |= {"headersSize": 100, "bodySize": 50}
    response = {"status": 200, "headersSize": -1, "bodySize": 7, "content": {"size": 9}}
    return {"startedDateTime": "2026-11-16T12:00:00.250+02:00", "request": request, "response": response} | changed


def _rows(text: str) -> list[Row | Bad]:
    assert har.FORMAT.rows is not None
    return list(har.FORMAT.rows(io.BytesIO(text.encode())))


def _file(*entries: object) -> str:
    return json.dumps({"log": {"creator": {"name": '"entries": [{'}, "pages": [], "entries": list(entries)}})


def test_an_entry() -> None:
    (row,) = _rows(_file(_entry()))
    assert row == Row(
        1_794_823_200_250_000, "https://claude.ai/chat", action="allowed", agent="curl/8", bytes_up=150, bytes_down=7
    )


@pytest.mark.parametrize(
    ("response", "down"),
    [
        ({"_transferSize": 900, "bodySize": 5}, 900),
        ({"bodySize": -1, "content": {"size": 9}}, 9),
        ({"bodySize": 5, "headersSize": 5}, 10),
        ({"bodySize": 10**30}, None),
        (None, None),
    ],
)
def test_bytes_that_came(response: object, down: int | None) -> None:
    (row,) = _rows(_file(_entry(response=response)))
    assert isinstance(row, Row)
    assert row.bytes_down == down


def test_a_policy_of_the_browser_blocks() -> None:
    (row,) = _rows(_file(_entry(response={"_error": "net::ERR_BLOCKED_BY_ADMINISTRATOR"})))
    assert isinstance(row, Row)
    assert row.action == "blocked"


def test_strings_full_of_braces_and_large_ones() -> None:
    odd = _entry(comment='}]{"\\"]}' * 400_000, _more='"')
    assert len([row for row in _rows(_file(odd, _entry(), odd)) if isinstance(row, Row)]) == 3


def test_an_entry_beyond_the_bound_is_skipped_and_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(har, "_ENTRY_MAX", 1000)
    monkeypatch.setattr(har, "_PIECE", 512)
    first, second = _rows(_file(_entry(comment="{" * 9000), _entry()))
    assert first == Bad(1, "larger than 32 MB")
    assert isinstance(second, Row)


def test_what_is_cut_or_odd_is_bad_by_its_number() -> None:
    assert _rows(_file(_entry(), {}, _entry(request=7)))[1:] == [
        Bad(2, "no whole entry of a HAR file"),
        Bad(3, "no whole entry of a HAR file"),
    ]
    assert _rows(_file(_entry(), _entry())[:-200])[1:] == [Bad(2, "the file ends in the middle of its entries")]
    assert _rows('{"log": {}}') == [Bad(1, "the file has no entries")]
