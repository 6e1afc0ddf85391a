"""The same chain whatever way the traffic comes in, and whatever stands behind."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import openai
import pytest

from e2e.place import free_port
from e2e.sdks import OpenAI
from e2e.support import ADDRESS, STAND_IN, House, access_key, chat_body
from harness.doubles import Doubles

pytestmark = pytest.mark.xdist_group("modes")

PROMPT = f"Tell {ADDRESS} how high it is."


@dataclass(frozen=True)
class Doors:
    """One proxy that listens in several modes, and the port of each."""

    house: House
    socks5: int
    reverse: int
    down: int  # behind it a parent proxy that does not run
    child: int  # behind it the shared proxy

    def by(self, port: int) -> House:
        """The proxy with this port for its own."""
        self.house.weir.port, self.house.weir.url = port, f"http://127.0.0.1:{port}"
        return self.house


@pytest.fixture(scope="module")
def shared_doors(start_module_house: Callable[..., House], shared_house: House) -> Doors:
    modes = ("socks5", "reverse:https://api.openai.com", "upstream:http://127.0.0.1:9",
             f"upstream:{shared_house.weir.url}")  # fmt: skip
    ports = [free_port() for _ in modes]
    words = [word for mode, port in zip(modes, ports, strict=True) for word in ("--mode", f"{mode}@127.0.0.1:{port}")]
    return Doors(start_module_house(options=[*words, "--upstream-ca", str(shared_house.weir.ca)]), *ports)


@pytest.fixture
def doors(shared_doors: Doors, doubles: Doubles) -> Doors:
    shared_doors.house.begin()
    return shared_doors


def test_socks5(doors: Doors, tmp_path: Path) -> None:
    house = doors.by(doors.socks5)
    config = tmp_path / "curl"
    config.write_text(f'header = "Authorization: Bearer {house.key}"\nheader = "Content-Type: application/json"\n')

    def curl(url: str, body: bytes) -> str:
        sent = tmp_path / "body"
        sent.write_bytes(body)
        command = ["curl", "-sS", "-K", str(config), "--socks5-hostname", f"127.0.0.1:{house.weir.port}", "-m", "20"]
        command += ["--cacert", str(house.weir.ca), "--data-binary", f"@{sent}", "-w", "\n%{http_code}", url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    url = "https://api.openai.com/v1/chat/completions"
    assert ADDRESS in curl(url, chat_body(PROMPT))
    got = house.doubles.only()
    assert STAND_IN.encode() in got.body and ADDRESS.encode() not in got.body
    assert curl(url, chat_body(f"Use {access_key()}.")).endswith("\n400")
    assert [row["kind"] for row in house.until(3)] == ["request", "response", "block"]
    assert house.key not in str(house.doubles.requests())


def test_reverse(doors: Doors) -> None:
    house = doors.by(doors.reverse)
    with openai.OpenAI(api_key=house.key, base_url=f"{house.weir.url}/v1", max_retries=0) as sdk:

        def ask(text: str) -> str:
            ask = sdk.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": text}])
            return str(ask.choices[0].message.content)

        assert ask(PROMPT) == f"You said: {PROMPT}"
        with pytest.raises(openai.BadRequestError, match="no-credentials-leave"):
            ask(f"Use {access_key()}.")
    got = house.doubles.only()
    assert got.host == "api.openai.com" and ADDRESS.encode() not in got.body
    assert house.doubles.keys["openai"] in got.header("authorization")
    request, _, block = house.until(3)
    assert (request["host"], request["service"], request["team"]) == ("api.openai.com", "openai", "finance")
    assert block["rule_id"] == "no-credentials-leave"


def test_a_parent_proxy(doors: Doors, house: House) -> None:
    """Two weirs in a row: the first edits, the second finds nothing left to do."""
    parent, child = house, doors.by(doors.child)
    assert OpenAI(child.weir, child.key).chat(PROMPT) == f"You said: {PROMPT}"
    assert "".join(OpenAI(child.weir, child.key).stream(PROMPT)) == f"You said: {PROMPT}"
    assert [row["verdict"] for row in child.until(2, "response")] == ["pseudonymise"] * 2
    assert [row["verdict"] for row in parent.until(2, "response")] == ["alert"] * 2
    assert {row["rule_id"] for row in parent.records("response")} == {"raw-provider-key"}
    for got in parent.doubles.requests():
        assert ADDRESS.encode() not in got.body
        assert parent.doubles.keys["openai"] in got.header("authorization")
    with pytest.raises(openai.BadRequestError, match="no-credentials-leave"):
        OpenAI(child.weir, child.key).chat(f"Use {access_key()}.")
    assert parent.records("block") == [] and len(child.until(1, "block")) == 1


def test_a_parent_proxy_that_is_down(doors: Doors) -> None:
    house = doors.by(doors.down)
    with pytest.raises(openai.InternalServerError) as raised:
        OpenAI(house.weir, house.key).client.with_options(max_retries=0).models.list()
    assert raised.value.status_code == 502
    assert house.only("response")["reason"]
