from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from harness.memorystore import MemoryStore
from unit.reports.shadow.conftest import seen
from weir.audit.record import AuditRecord
from weir.reports.shadow.cells import Cells

EVER = datetime(1970, 1, 1)


@pytest.fixture(scope="module")
def cells(filled: MemoryStore) -> Cells:
    return Cells(filled.connection, EVER)


def test_services_live_and_out_of_logs(cells: Cells) -> None:
    found = {one.service: one for one in cells.services()}
    assert set(found) == {"openai", "deepseek", "deepl", "llm.lab.example", "claude-x", "chatgpt"}, "no other hosts"
    deepseek, deepl = found["deepseek"], found["deepl"]
    assert (deepseek.requests, deepseek.users, deepseek.unidentified, deepseek.blocked) == (3, 1, 1, 1)
    assert (deepseek.up, deepseek.down, deepseek.findings, deepseek.sources) == (5_200, 3_000, 1, ["live"])
    assert (deepl.requests, deepl.users, deepl.unidentified, deepl.sources) == (42, 1, 2, ["squid"])
    assert (deepl.up, deepl.inspection) == (2_000_000, None)
    assert found["llm.lab.example"].discovered and not deepl.discovered
    assert (found["chatgpt"].personal, found["openai"].personal) == (1, 0)


def test_findings_do_not_multiply_what_was_sent(cells: Cells) -> None:
    assert sum(one.requests for one in cells.services()) == cells.totals()[1]
    assert cells.totals() == (3, 52, sum(one.up for one in cells.services()))


def test_people_devices_and_addresses(cells: Cells) -> None:
    found = {(one.who, one.service): one for one in cells.people()}
    assert found["ben", "deepseek"].findings == 1 and found["ben", "deepseek"].known
    assert not found["lt-9", "deepl"].known and not found["10.0.0.9", "deepseek"].known
    assert found["10.0.0.9", "deepseek"].blocked == 1
    assert found["carl", "deepl"].requests == 40


def test_where_weir_sees_nothing(cells: Cells) -> None:
    assert [row[:6] for row in cells.blind()] == [
        ("bank.example", "", "pinned", "", 1, 1),
        ("claude.ai", "claude-x", "pinned", "client does not trust the certificate", 1, 1),
    ]
    assert [row[:5] for row in cells.hints()] == [("odd.example", "a long reply in many records", 1, 1, 100)]
    assert dict(cells.coverage()) == {"logs": 42, "inspected": 9, "pinned": 1, "uncatalogued": 2}


def test_credentials_of_persons(cells: Cells) -> None:
    assert [row[:5] for row in cells.credentials()] == [("openai", "personal", "0123456789ab", ["anna"], 1)]


def test_since(filled: MemoryStore) -> None:
    later = Cells(filled.connection, datetime(2023, 11, 13, 0))
    found = {one.service: one for one in later.services()}
    assert (found["deepseek"].requests, found["deepseek"].findings) == (2, 0)
    assert later.first(["deepseek", "nobody"]) == {"deepseek": datetime(2023, 11, 3, 12)}, "as far back as it goes"


def test_hints_of_one_host_are_one_row(memory: Callable[..., MemoryStore]) -> None:
    def hinted(days_ago: float, pieces: int, address: str) -> AuditRecord:
        extra = f'{{"hint":"a reply of {pieces} small pieces (9000 bytes) in 4.2 s after one upload"}}'
        return seen(days_ago, kind="meter", host="odd.example", service="", service_status="", inspection="metered",
                    user="", team="", src_ip=address, extra=extra)  # fmt: skip

    store = memory(hinted(3, 60, "10.0.0.1"), hinted(1, 90, "10.0.0.2"), hinted(2, 75, "10.0.0.1"))
    ((host, why, clients, connections, up, _),) = Cells(store.connection, EVER).hints()
    assert (host, clients, connections, up) == ("odd.example", 2, 3, 300)
    assert why.startswith("a reply of 90 small pieces"), "the last one's"
