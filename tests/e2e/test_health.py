"""What the proxy says of itself is what its audit holds, to the last exchange."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections import Counter
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from e2e.support import House, access_key, chat_body
from harness.processes import until

CHAT = "https://api.openai.com/v1/chat/completions"
ENDS = ("response", "block", "error", "meter", "coach")
Numbers = dict[tuple[str, ...], float]


@pytest.fixture
def place(house: House) -> tuple[str, int]:
    host, port = json.loads((house.weir.data / "run" / "health.json").read_bytes())["listen"]
    return host, port


def _get(place: tuple[str, int], path: str, method: str = "GET") -> tuple[int, str]:
    asked = http.client.HTTPConnection(*place, timeout=60)
    try:
        asked.request(method, path)
        answer = asked.getresponse()
        return answer.status, answer.read().decode()
    finally:
        asked.close()


def _numbers(place: tuple[str, int]) -> Numbers:
    status, text = _get(place, "/metrics")
    assert status == 200
    return {
        (one.name, *(value for _, value in sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def _ended(numbers: Numbers) -> Counter[tuple[str, ...]]:
    """By action, kind and class of the status."""
    return Counter({key[1:]: int(n) for key, n in numbers.items() if key[0] == "weir_exchanges_total"})


def _recorded(house: House) -> list[dict[str, Any]]:
    """What the running process has written, from its start on."""
    rows = house.weir.records()
    boot = next(row["boot_id"] for row in rows if row["kind"] == "config" and row["reason"] == "policy in force")
    return [row for row in rows if row["boot_id"] == boot and row["kind"] != "gap"]


def _told(row: dict[str, Any]) -> tuple[str, ...]:
    status = row.get("http_status")
    return row.get("action") or "none", row["kind"], f"{status // 100}xx" if status else "none"


def test_numbers_are_those_of_the_audit(house: House, place: tuple[str, int]) -> None:
    before = _numbers(place)
    with house.client() as client:
        for text, status in (("One.", 200), ("Two.", 200), (f"Deploy with {access_key()}.", 400), ("Three.", 200)):
            reply = client.post(CHAT, content=chat_body(text), headers={"authorization": f"Bearer {house.key}"})
            assert reply.status_code == status
    house.until(3, "response")
    house.until(1, "block")
    after = until(
        lambda: now if sum(_ended(now := _numbers(place)).values()) >= sum(_ended(before).values()) + 4 else None,
        "the numbers of four exchanges",
    )
    assert _ended(after) - _ended(before) == Counter({("allow", "response", "2xx"): 3, ("block", "block", "4xx"): 1})
    for name, more in (
        (("weir_inspection_total", "inspected"), 4),
        (("weir_dlp_seconds_count",), 4),
        (("weir_added_latency_seconds_count",), 3),
        (("weir_audit_records_total", "request"), 3),
    ):
        assert after[name] - before.get(name, 0.0) == more, name
    assert after["weir_added_latency_seconds_sum",] > before["weir_added_latency_seconds_sum",]

    def same() -> bool:
        rows, numbers = _recorded(house), _numbers(place)
        kinds = Counter({key[1]: int(n) for key, n in numbers.items() if key[0] == "weir_audit_records_total" and n})
        return (
            _ended(numbers) == Counter(_told(row) for row in rows if row["kind"] in ENDS)
            and kinds == Counter(row["kind"] for row in rows)
        )  # fmt: skip

    until(same, "the numbers since the start of this proxy, whoever used it, to be those of its audit")
    assert not [word for key in after for word in key if "example" in word or "gpt" in word or "finance" in word]


def test_an_upstream_that_is_not_there_is_counted(house: House, place: tuple[str, int]) -> None:
    failed = ("weir_upstream_failures_total", "connect")
    before = _numbers(place)[failed]
    with house.client() as client:
        url = CHAT.replace("api.openai.com", "api.openai.com:7443")
        reply = client.post(url, content=chat_body("Hi."), headers={"authorization": f"Bearer {house.key}"})
        assert reply.status_code == 502
    until(lambda: _numbers(place)[failed] >= before + 1, "the failure to be counted")


def test_it_is_alive_and_ready(place: tuple[str, int]) -> None:
    status, body = _get(place, "/healthz")
    assert (status, json.loads(body)["ok"]) == (200, True)
    until(lambda: _get(place, "/readyz")[0] == 200, "weir to be ready")
    assert json.loads(_get(place, "/readyz")[1])["reasons"] == []
    assert [_get(place, path)[0] for path in ("/", "/families", "/metrics/")] == [404, 404, 404]
    assert _get(place, "/metrics", "POST")[0] == 405
    assert _get(place, "/metrics", "HEAD") == (200, "")
    until(lambda: _numbers(place)["weir_spool_lag_bytes",] == 0, "the ingester to have all")


def asked(house: House) -> float:
    """How long a client's request takes."""
    with house.client() as client:
        began = time.monotonic()
        reply = client.post(CHAT, content=chat_body("Hi."), headers={"authorization": f"Bearer {house.key}"})
    assert reply.status_code == 200
    return time.monotonic() - began


def test_a_hostile_scraper_slows_no_client(house: House, place: tuple[str, int]) -> None:
    alone = asked(house)  # on a machine that may be busy
    held = [socket.create_connection(place) for _ in range(60)]
    try:
        for number, one in enumerate(held):
            one.send(b"GET /metrics HTTP/1.1\r\nx: " + b"a" * (number * 100))
        assert asked(house) < 5 + 3 * alone
        assert _get(place, "/healthz")[0] == 200, "a probe has its turn: the oldest of those had to go"
    finally:
        for one in held:
            one.close()
