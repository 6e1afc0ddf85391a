from __future__ import annotations

import orjson
import pytest

from weir.audit.ingester.fit import fit
from weir.audit.spool.lines import BadLine

BASE = {"proxy_id": "p", "boot_id": "b", "seq": 3}


def line(**given: object) -> bytes:
    return orjson.dumps({**BASE, **given}, option=orjson.OPT_APPEND_NEWLINE)


def test_a_line_of_known_columns_goes_on_as_it_is() -> None:
    written = line(
        user="anna", cost_nano=-5, stream=True, user_groups=["x"], findings=[{"ord": 0}, {}], tool_calls=None
    )
    found = fit(written, "p-b")
    assert (found.line, found.seq, found.findings, found.tool_calls) == (written, 3, 2, 0)


def test_what_is_no_column_goes_no_further() -> None:
    found = fit(line(user="anna", prompt="canary", findings=[{"ord": 0, "match": "canary"}]), "p-b")
    assert orjson.loads(found.line) == {**BASE, "user": "anna", "findings": [{"ord": 0}]}


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (b"planted", "no JSON"),
        (b"[]", "no JSON object"),
        (b'{"proxy_id":"p","seq":1}', "lacks"),
        (line(seq=0), "lacks"),
        (line(boot_id="c"), "another chain"),
        (line(seq=True), "seq has the wrong type"),
        (line(seq=-1), "seq has the wrong type"),
        (line(cost_nano=2**63), "cost_nano has the wrong type"),
        (line(cost_nano=1.5), "cost_nano has the wrong type"),
        (line(user=7), "user has the wrong type"),
        (line(stream=1), "stream has the wrong type"),
        (line(user_groups=[1]), "user_groups has the wrong type"),
        (line(findings={}), "findings is no list"),
        (line(findings=[1]), "findings is no list"),
        (line(tool_calls=[{"name": 1}]), "name has the wrong type"),
    ],
)
def test_a_line_that_does_not_fit_is_said_to_and_never_quoted(written: bytes, why: str) -> None:
    with pytest.raises(BadLine, match=why) as caught:
        fit(written, "p-b")
    assert "planted" not in str(caught.value)
