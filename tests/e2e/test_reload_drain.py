"""A proxy that is told to end, to change its mind, or that loses a part of itself."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from e2e.support import House, access_key, chat_body
from harness.doubles import Doubles
from harness.processes import PATIENCE_S, until
from weir.audit.spool.chain import verify_chain

pytestmark = pytest.mark.xdist_group("reload")

URL = "https://api.openai.com/v1/chat/completions"


class Stream:
    """A streamed chat that is being read in the background; its first event has arrived."""

    def __init__(self, house: House, *, http2: bool) -> None:
        self._first = threading.Event()
        self.said = b""
        self.error: Exception | None = None
        house.doubles.behave("gate=end")
        self._thread = threading.Thread(target=self._read, args=(house, http2), daemon=True)
        self._thread.start()
        assert self._first.wait(PATIENCE_S)

    def _read(self, house: House, http2: bool) -> None:
        headers = {"authorization": f"Bearer {house.key}"}
        body = chat_body("How high?", stream=True)
        try:
            with (
                house.client(http2=http2) as http,
                http.stream("POST", URL, content=body, headers=headers) as reply,
            ):
                for chunk in reply.iter_raw():
                    self.said += chunk
                    self._first.set()
        except httpx.HTTPError as error:
            self.error = error

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


def refuses(house: House) -> bool:
    """True when nobody listens any more."""
    try:
        socket.create_connection((house.weir.host, house.weir.port), 5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_sigterm_lets_running_streams_finish(start_house: Callable[..., House]) -> None:
    house = start_house()
    streams = [Stream(house, http2=http2) for http2 in (False, True)]
    house.weir.process.signal(signal.SIGTERM)
    until(lambda: refuses(house), "new connections to be refused")
    assert house.weir.process.running
    house.doubles.release("end", "all")
    for stream in streams:
        stream.join()
        assert stream.error is None and stream.said.endswith(b"data: [DONE]\n\n")
    assert house.weir.process.wait() == 0
    records = house.until(2, "response")
    said = {(row["usage_source"], row["finish_reason"], row.get("reason")) for row in records}
    assert said == {("reported", "stop", None)}
    complete = "select kind, usage_source from exchanges where ended is not null and host = 'api.openai.com'"
    assert house.weir.sql(complete, rows=0) == [("response", "reported")] * 2, "all of it is in the store by now"
    assert verify_chain(house.weir.data / "spool") == []


def test_a_stream_that_does_not_end_is_cut_and_recorded(start_house: Callable[..., House]) -> None:
    house = start_house(options=["--drain-s", "1"])
    stream = Stream(house, http2=False)
    house.weir.process.signal(signal.SIGTERM)
    stream.join()
    assert isinstance(stream.error, httpx.HTTPError) and b"[DONE]" not in stream.said
    assert house.weir.process.wait() == 0
    record = house.only("response")
    assert record["reason"] and record["usage_source"] == "estimated"


@pytest.fixture(scope="module")
def own_house(start_module_house: Callable[..., House]) -> House:
    return start_module_house()


@pytest.fixture
def house(own_house: House, doubles: Doubles) -> House:
    own_house.begin()
    return own_house


def ask(house: House, text: str = "How high?") -> httpx.Response:
    with house.client() as http:
        return http.post(URL, content=chat_body(text), headers={"authorization": f"Bearer {house.key}"})


def configs(house: House) -> list[dict[str, Any]]:
    return house.records("config")


def change(house: House, **sections: Any) -> str:
    """Write the policy with these sections; what stood there before."""
    before = house.weir.policy.read_text()
    house.weir.policy.write_text(yaml.safe_dump({**yaml.safe_load(before), **sections}, sort_keys=False))
    return before


@pytest.mark.parametrize("how", ["sighup", "changed file"])
def test_a_changed_policy_is_taken_whole(how: str, house: House) -> None:
    secret = access_key()
    assert ask(house, f"Use {secret} for it.").status_code == 400
    before = change(house, mode="observe", on_failure="allow")
    if how == "sighup":
        house.weir.reload()
    (taken,) = until(lambda: configs(house), "the new policy")
    assert taken["reason"] == "policy taken"
    assert ask(house, f"Use {secret} for it.").status_code == 200
    blocked, passed = house.until(1, "block")[0], house.until(1, "response")[0]
    assert blocked["policy_hash"] != passed["policy_hash"] == taken["policy_hash"]
    assert (passed["mode"], passed["verdict"], passed["action"]) == ("observe", "block", "allow")
    house.weir.policy.write_text(before)
    until(lambda: len(configs(house)) == 2, "the old policy again")
    assert configs(house)[1]["policy_hash"] == blocked["policy_hash"]


BROKEN = {
    "no YAML": "version: [1\n",
    "a word that is none": "version: 1\nmode: enforce\nruels: []\n",
    "empty": "",
    "gone": "",
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_policy_is_refused_and_the_one_in_force_stays(how: str, house: House) -> None:
    before = house.weir.policy.read_text()
    said = len(house.weir.process.output())
    if how == "gone":
        house.weir.policy.unlink()
    else:
        house.weir.policy.write_text(BROKEN[how])
    house.weir.reload()
    (refused,) = until(lambda: configs(house), "word of the broken policy")
    assert refused["reason"] == "changed policy refused, the one in force stays"
    reply = ask(house, f"Use {access_key()} for it.")
    assert reply.status_code == 400 and "no-credentials-leave" in reply.text
    words = house.weir.process.output()[said:]
    assert "policy not taken" in words and house.weir.policy.name in words
    if how == "a word that is none":
        assert ":3:" in words and "ruels" in words
    house.weir.policy.write_text(before)
    house.weir.reload()
    until(lambda: "policy taken" in [row["reason"] for row in configs(house)], "the good policy")


def ingester(house: House) -> int:
    """The id of the ingester process, 0 while there is none."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().split(b"\0")
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"weir.audit.ingester" in words and parent == house.weir.process.pid:
            return int(path.name)
    return 0


def test_a_killed_ingester_is_started_again_and_nothing_is_lost(house: House) -> None:
    first = until(lambda: ingester(house), "the ingester")
    for number in range(6):
        if number == 3:
            os.kill(first, signal.SIGKILL)
        assert ask(house, f"Number {number}, how high?").status_code == 200
    second = until(lambda: (now := ingester(house)) != first and now, "another ingester")
    assert second != first
    wanted = {row["exchange_id"] for row in house.until(6, "response")}
    text = (
        "select exchange_id::varchar from exchanges where ended is not null and list_contains(?, exchange_id::varchar)"
    )
    assert {row[0] for row in house.weir.sql(text, [list(wanted)], rows=6)} == wanted
    assert house.weir.sql("select count(*), count(distinct event_id) from events", rows=1)[0][0] > 0
    doubled = "select event_id from events group by event_id having count(*) > 1"
    assert house.weir.sql(doubled, rows=0) == []
