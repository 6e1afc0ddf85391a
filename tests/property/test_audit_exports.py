"""Laws of the exports: whatever stands in a row, the frame of a format holds, values come back, only columns go out."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unit.audit.exports.ocsf_schema import problems as ocsf_problems
from unit.audit.exports.otlp_schema import problems as otlp_problems
from unit.audit.exports.rows import CONTENT, VERSION
from unit.audit.exports.test_cef import parsed as cef_parsed
from unit.audit.exports.test_leef import parsed as leef_parsed
from unit.audit.exports.test_syslog import GRAMMAR
from weir.audit.exports.cef import cef
from weir.audit.exports.ecs import ecs
from weir.audit.exports.jsonl import jsonl
from weir.audit.exports.leef import leef
from weir.audit.exports.ocsf import ocsf
from weir.audit.exports.otlp import traces
from weir.audit.exports.otlp_metrics import metrics
from weir.audit.exports.row import clean
from weir.audit.exports.splunk import batch, envelope
from weir.audit.exports.syslog import counted, message
from weir.audit.record import KINDS, TABLES

nasty = st.text(st.sampled_from("|\\=\"]\n\r\t\x00\x1b\x7f\u2028[<>{}' aé\U0001f4a9\ud800"), max_size=12)
values = nasty | st.text(max_size=20) | st.integers(-(2**63), 2**63) | st.booleans() | st.none() | st.lists(nasty)


def rows_of(table: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from([column.name for column in TABLES[table]]), values, max_size=30)


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    row = draw(rows_of("events"))
    row["kind"] = draw(st.sampled_from(KINDS) | nasty)
    for name in ("findings", "tool_calls"):
        row[name] = draw(st.lists(rows_of(name).map(lambda child: {**child, "matched": CONTENT}), max_size=2))
    return {**row, "prompt": CONTENT}


checked = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@checked
@given(rows())
def test_lines_stay_lines(row: dict[str, Any]) -> None:
    for line in (cef(row, VERSION), leef(row, VERSION)):
        assert not set(line) & set("\n\r\x00") and CONTENT not in line and line.encode()
        framed = message(row, line, host=str(row.get("host")))
        assert GRAMMAR.fullmatch(framed) and counted(framed).endswith(framed)
    assert jsonl(row).count(b"\n") == 1 and CONTENT.encode() not in jsonl(row)
    assert orjson.loads(batch([envelope(row)])) and CONTENT.encode() not in batch([envelope(row)])


@checked
@given(nasty)
def test_a_value_comes_back_as_it_went_in(value: str) -> None:
    encodable = value.encode("utf-8", "replace").decode()
    row = {"kind": "response", "user": value, "src_ip": "10.0.0.1", "team": value}
    _, pairs = cef_parsed(cef(row, VERSION))
    lines = encodable.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert pairs.get("suser", "") == "\n".join(clean(line) for line in lines) and pairs["src"] == "10.0.0.1"
    _, pairs = leef_parsed(leef(row, VERSION))
    assert pairs.get("usrName", "") == clean(encodable) and pairs["src"] == "10.0.0.1"


@checked
@given(rows())
def test_objects_keep_to_their_schemas(row: dict[str, Any]) -> None:
    for event in ocsf(row, VERSION):
        assert ocsf_problems(event) == []
        assert CONTENT not in str(event) and orjson.dumps(event)
    for request, kind in ((traces([row], VERSION), "TraceRequest"), (metrics([row], VERSION, 1, 2), "MetricsRequest")):
        assert list(otlp_problems(request, kind)) == []
        assert CONTENT not in str(request) and orjson.dumps(request)
    assert CONTENT not in str(ecs(row, VERSION)) and orjson.dumps(ecs(row, VERSION))
