"""Laws of spool lines: whatever goes in comes out, and no byte of a line can be changed unseen."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from weir.audit.record import AuditRecord, FindingRow
from weir.audit.spool.lines import GENESIS, encode, read_line, rows_of, seal, unseal
from weir.audit.spool.writer import verify_chain

texts = st.text(max_size=40)
numbers = st.none() | st.integers(-(2**63) + 1, 2**63 - 1)
records = st.builds(
    AuditRecord,
    kind=st.just("response"),
    user=texts,
    host=texts,
    reason=texts,
    stream=st.none() | st.booleans(),
    cost_nano=numbers,
    user_groups=st.lists(texts, max_size=3).map(tuple),
    findings=st.lists(st.builds(FindingRow, ord=numbers, detector=texts), max_size=3).map(tuple),
)


def replaced(text: str) -> str:
    return "".join("\ufffd" if ord(c) < 32 or ord(c) == 127 else c for c in text)


@given(records)
def test_a_record_survives_its_line_but_for_control_characters(record: AuditRecord) -> None:
    line, _ = seal(encode(record, "p", "b", 1), GENESIS)
    assert line.count(b"\n") == 1 and not any(byte < 32 or byte == 127 for byte in line[:-1])
    row = rows_of(read_line(line))
    event = row["events"][0]
    for name in ("user", "host", "reason"):
        assert event.get(name, "") == replaced(getattr(record, name))
    assert (event.get("cost_nano"), event.get("stream")) == (record.cost_nano, record.stream)
    assert event.get("user_groups", []) == [replaced(group) for group in record.user_groups]
    assert [found.get("ord") for found in row["findings"]] == [finding.ord for finding in record.findings]


@given(records, st.data())
def test_no_changed_byte_goes_unseen(record: AuditRecord, data: st.DataObject) -> None:
    lines, prev = [], GENESIS
    for seq in (1, 2, 3):
        line, prev = seal(encode(record, "p", "b", seq), prev)
        lines.append(line)
    assert all(unseal(line) for line in lines)
    whole = b"".join(lines)
    at = data.draw(st.integers(0, len(whole) - len(lines[2]) - 1))  # the last line may look torn
    byte = data.draw(st.integers(0, 255).filter(lambda new: new != whole[at]))
    with TemporaryDirectory() as name:
        path = Path(name) / "p-b-000001.jsonl"
        path.write_bytes(whole)
        assert verify_chain(Path(name)) == []
        path.write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
        assert verify_chain(Path(name)) != []
