"""What a known caller may use: decided by headers before the body, by the body, and for what nobody looks into."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import orjson
import pytest

from e2e.identities import (
    AI,
    NETWORK,
    PASSWORD,
    Call,
    Issuer,
    basic,
)
from e2e.raw import open_line, post
from e2e.support import House, chat_body, command, issue, only_http2
from harness.doubles import Doubles
from harness.processes import PATIENCE_S, until
from harness.weir import PREPARED

pytestmark = pytest.mark.xdist_group("identity-permits")


@pytest.mark.parametrize(
    ("model", "path", "lacks"),
    [("o9-large", "/v1/chat/completions", "model"), ("gpt-5-mini", "/v1/embeddings", "operation")],
)
def test_what_no_permission_allows(model: str, path: str, lacks: str, call: Call, house: House) -> None:
    reply = call(house, basic("jane", PASSWORD), model=model, path=path)
    assert reply.status == 403 and reply.header("x-weir-rule") == "identity-permissions"
    assert lacks in orjson.loads(reply.body)["error"]["message"], "the provider's own shape"
    record = house.only()
    assert (record["rule_id"], record["user"], record["verdict"]) == ("identity-permissions", "jane", "block")
    assert record["reason"].startswith(f"identity-permissions: {lacks} not allowed") and not record.get("identity_rule")
    assert house.doubles.requests() == []


def test_hours_are_kept(house: House, issuer: Issuer) -> None:
    hours = "mon-sun 00:00-00:01 Pacific/Kiritimati"
    reply = Call("connect")(house, f"Bearer {issuer.token(sub='hopper', team='night-shift')}")
    assert reply.status == 403 and f"only {hours}" in orjson.loads(reply.body)["error"]["message"]
    assert house.only()["reason"] == f"identity-permissions: hours not allowed, only {hours}"


@pytest.mark.parametrize("expects", [False, True], ids=["plain", "expect"])
def test_what_headers_are_enough_to_refuse_is_refused_before_the_body(expects: bool, house: House) -> None:
    more = f"Proxy-Authorization: {basic('jane', PASSWORD)}\r\n"
    with open_line(house.weir.url, f"{AI}:443", house.weir.ca, more=more) as line:
        body = chat_body("How high?")
        request = post(
            AI, "/v1/embeddings", body, house.doubles.keys["openai"], more="Expect: 100-continue\r\n" if expects else ""
        )
        line.send(request[: -len(body)])
        reply = line.reply()
        assert reply.status == 403 and reply.header("x-weir-rule") == "identity-permissions"
        assert house.only()["reason"].startswith("identity-permissions: operation not allowed"), "recorded by now"
        if not expects:
            line.send(body)
            line.send(post(AI, "/v1/chat/completions", body, house.doubles.keys["openai"]))
            assert line.reply().status == 200, "the connection goes on with what is allowed"
            assert house.doubles.only().json()["model"] == "gpt-5-mini"


NETWORKS = [{"cidr": f"{NETWORK}/32", "team": "laboratory"}]


@pytest.fixture(scope="module")
def changing_house(start_module_house: Callable[..., House]) -> House:
    # Who has a connection that passes undecrypted is asked about every few seconds.
    soon = "import weir.edge.process.reload as r; r.AGAIN_S = 0.3"
    return start_module_house(program=[str(PREPARED)], environment={"WEIR_TEST_FIRST": soon})


@pytest.fixture
def changing(changing_house: House, doubles: Doubles) -> House:
    """A proxy that is given a policy by each test."""
    changing_house.begin()
    return changing_house


@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_too_weak_a_proof(mode: str, changing: House) -> None:
    house = changing
    house.take(identity={"required": True, "strength": 2, "networks": NETWORKS}, mode=mode)
    reply = Call("connect")(house, source=NETWORK)
    if mode == "enforce":
        assert reply.status == 403 and house.doubles.requests() == []
        record = house.only("block")
    else:
        assert reply.status == 200 and house.doubles.only()
        record = house.only("request")
    assert (record["verdict"], record["rule_id"]) == ("block", "identity-strength")
    assert record["action"] == ("block" if mode == "enforce" else "allow") and record["auth_method"] == "network"
    assert Call("connect")(house).status == (403 if mode == "enforce" else 200), "nobody at all is no better"


@pytest.mark.parametrize("mode", ["enforce", "observe"])
def test_nobody_gets_a_connection_to_ai_that_is_not_looked_into(mode: str, changing: House) -> None:
    """No virtual key can be seen inside of it, so what the connection proves has to do."""
    house, section = changing, {"required": True, "networks": NETWORKS}
    house.take(identity=section, mode=mode, intercept={"scope": "catalogued", "exclude": [AI]})

    def passes(source: str = "") -> bool:
        try:
            with open_line(house.weir.url, f"{AI}:443", house.doubles.ca, source=source) as line:
                line.send(post(AI, "/v1/chat/completions", chat_body("How high?"), house.doubles.keys["openai"]))
                return line.reply().status == 200
        except (OSError, EOFError):
            return False

    assert passes(NETWORK)
    rows = house.until(2, "request", "meter")
    assert {(row["identity_rule"], row["auth_method"], row["verdict"]) for row in rows} == {
        ("identity-required", "network", "allow")
    }
    house.begin()
    assert passes() is (mode == "observe")
    row = house.until(1, "block" if mode == "enforce" else "meter")[0]
    assert (row["verdict"], row["rule_id"], row["service"], row["inspection"]) == (
        "block", "identity-required", "openai", "metered"
    )  # fmt: skip
    assert row["action"] == ("block" if mode == "enforce" else "allow")


def test_a_connection_that_is_not_looked_into_ends_with_its_caller(changing: House, tmp_path: Path) -> None:
    house, users = changing, str(tmp_path / "users")
    command("identity", "add", "jane", "--users", users, "--password-stdin", given=PASSWORD)
    house.take(identity={"required": True, "users": users}, intercept={"scope": "catalogued", "exclude": [AI]})
    more = f"Proxy-Authorization: {basic('jane', PASSWORD)}\r\n"
    with open_line(house.weir.url, f"{AI}:443", house.doubles.ca, more=more) as line:

        def passes() -> bool:
            try:
                line.send(post(AI, "/v1/chat/completions", chat_body("How high?"), house.doubles.keys["openai"]))
                return line.reply().status == 200
            except (OSError, EOFError):
                return False

        assert passes() and passes()
        command("identity", "remove", "jane", "--users", users)
        until(lambda: not passes(), "the end of her connection", every=0.1)
    row = house.only("meter")
    assert (row["user"], row["rule_id"], row["action"]) == ("jane", "identity-required", "block")
    assert row["resp_bytes"] > 0 and "basic" in row["reason"]


def test_a_refusal_on_http2_leaves_the_connection_to_others(house: House) -> None:
    with httpx.Client(
        proxy=house.weir.as_user("jane", PASSWORD), verify=only_http2(house.weir.ca), http2=True, trust_env=False
    ) as client:
        key = {"authorization": f"Bearer {house.doubles.keys['openai']}", "content-type": "application/json"}
        for path, status in (("embeddings", 403), ("chat/completions", 200), ("embeddings", 403)):
            body = chat_body("x" * 100_000)
            reply = client.post(f"https://{AI}/v1/{path}", content=body, headers=key, timeout=PATIENCE_S)
            assert (reply.status_code, reply.http_version) == (status, "HTTP/2")
    assert len(house.doubles.requests()) == 1


def test_a_tunnel_and_a_virtual_key_that_say_different_things(changing: House, tmp_path: Path) -> None:
    house, path = changing, tmp_path / "users"
    command("identity", "add", "jane", "--users", str(path), "--team", "research", "--password-stdin", given=PASSWORD)
    own = issue(house.weir.data, "--team", "research")
    foreign = issue(house.weir.data)  # of team finance
    house.take(identity={"required": True, "users": str(path)}, keys={"openai": {"secret": "env:OPENAI_API_KEY"}})
    more = f"Proxy-Authorization: {basic('jane', PASSWORD)}\r\n"
    with open_line(house.weir.url, f"{AI}:443", house.weir.ca, more=more) as line:
        for key, status in ((own, 200), (foreign, 403), (own, 200)):
            line.send(post(AI, "/v1/chat/completions", chat_body("How high?"), key))
            assert line.reply().status == status
    row = house.only("block")
    assert (row["rule_id"], row["reason"].partition(";")[0]) == (
        "identity-conflict", "identity-conflict: tunnel and request differ in the team"
    )  # fmt: skip
    assert row["auth_asked"].split()[:2] == ["virtual_key=yes", "basic=yes"] and row["key_id"].startswith("vk-")
    assert {got.header("authorization") for got in house.doubles.requests()} == {
        f"Bearer {house.doubles.keys['openai']}"
    }
