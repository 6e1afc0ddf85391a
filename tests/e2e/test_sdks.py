"""The real SDKs through the real proxy: what they send, what they get, what stands in the audit."""

from __future__ import annotations

import asyncio

import pytest

from e2e.sdks import SDKS
from e2e.support import ADDRESS, STAND_IN, House, Stored, access_key, tokens

PROMPT = "How high is the river today?!"
PERSONAL = f"Tell {ADDRESS} that the river stands low, and ask her when it is going to rise."

each = pytest.mark.parametrize("sdk_class", SDKS, ids=lambda kind: kind.name)


@each
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_a_clean_chat_is_counted_and_priced(sdk_class: type, streamed: bool, house: House, stored: Stored) -> None:
    sdk = sdk_class(house.weir, house.key)
    said = "".join(sdk.stream(PROMPT)) if streamed else sdk.chat(PROMPT)
    assert said == f"You said: {PROMPT}"
    assert PROMPT in house.doubles.only().body.decode()
    exchange = house.only("response")["exchange_id"]
    columns = (
        "kind, service, service_status, provider, request_model, response_model, stream, inspection, verdict, action, "
        "input_tokens, output_tokens, usage_source, http_status, team, app, auth_method, cost_nano > 0, price_id <> ''"
    )
    what = ("response", sdk.service, "sanctioned", sdk.service, sdk.model, sdk.model, streamed, "inspected")
    used = (tokens(PROMPT), tokens(said), "reported", 200)
    rows = [(*what, "allow", "allow", *used, "finance", "e2e", "virtual_key", True, True)]
    stored(f"select {columns} from exchanges where exchange_id = ? and ended is not null", exchange, rows)


@each
def test_the_asynchronous_client(sdk_class: type, house: House) -> None:
    sdk = sdk_class(house.weir, house.key)

    async def both() -> tuple[str, str]:
        return await sdk.achat(PERSONAL), "".join([piece async for piece in sdk.astream(PERSONAL)])

    assert asyncio.run(both()) == (f"You said: {PERSONAL}", f"You said: {PERSONAL}")
    assert all(ADDRESS.encode() not in row.body and STAND_IN.encode() in row.body for row in house.doubles.requests())
    assert [row["verdict"] for row in house.until(2, "response")] == ["pseudonymise"] * 2


@each
@pytest.mark.parametrize("pieces", [0, 1, 2, 3, 5, 16, 1000])
def test_an_address_is_hidden_upstream_and_back_at_the_client(sdk_class: type, pieces: int, house: House) -> None:
    sdk = sdk_class(house.weir, house.key)
    if pieces:
        house.doubles.behave(f"pieces={pieces}")
        said = "".join(sdk.stream(PERSONAL))
    else:
        said = sdk.chat(PERSONAL)
    assert said == f"You said: {PERSONAL}"
    got = house.doubles.only()
    assert ADDRESS not in got.body.decode() and STAND_IN in got.body.decode()
    if pieces and pieces < len(STAND_IN):
        assert STAND_IN.encode() not in got.sent, "the stand-in was to come in several events"
    record = house.only("response")
    assert (record["verdict"], record["action"], record["rule_id"]) == (
        "pseudonymise", "pseudonymise", "personal-data-stays"
    )  # fmt: skip


@each
@pytest.mark.parametrize("split", [1, 7, 64])
def test_bytes_may_be_cut_anywhere(sdk_class: type, split: int, house: House) -> None:
    house.doubles.behave(f"split={split}")
    assert "".join(sdk_class(house.weir, house.key).stream(PERSONAL)) == f"You said: {PERSONAL}"


@each
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_an_address_comes_back_in_a_tool_calls_arguments(
    sdk_class: type, streamed: bool, house: House, stored: Stored
) -> None:
    house.doubles.behave("pieces=3")
    assert sdk_class(house.weir, house.key).tool(PERSONAL, streamed=streamed) == f"You said: {PERSONAL}"
    got = house.doubles.only()
    assert ADDRESS not in got.body.decode() and ADDRESS.encode() not in got.sent
    exchange = house.only("response")["exchange_id"]
    stored("select name from tool_calls where exchange_id = ?", exchange, [("note",)])


@each
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_a_credential_is_the_sdks_own_exception_and_stays_here(
    sdk_class: type, streamed: bool, house: House, stored: Stored
) -> None:
    sdk = sdk_class(house.weir, house.key)
    secret = access_key()
    connections = len(house.doubles.connections())
    with pytest.raises(sdk.refused) as raised:
        "".join(sdk.stream(f"Deploy it with {secret} now.")) if streamed else sdk.chat(f"Deploy it with {secret} now.")
    said = str(raised.value)
    assert "no-credentials-leave" in said and secret not in said
    assert getattr(raised.value, "status_code", None) == 400 or getattr(raised.value, "code", None) == 400
    assert house.doubles.requests() == [] and len(house.doubles.connections()) == connections
    block = house.only()
    assert (block["kind"], block["action"], block["rule_id"]) == ("block", "block", "no-credentials-leave")
    found = "select detector, action, rule_id from findings where exchange_id = ?"
    stored(found, block["exchange_id"], [("secret/aws-access-key-id", "block", "no-credentials-leave")])


@each
@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
@pytest.mark.parametrize("port", [443, 8443], ids=["to-h2", "to-h1"])
@pytest.mark.parametrize("encoding", ["identity", "gzip", "br"])
def test_protocols_and_codings(sdk_class: type, http2: bool, port: int, encoding: str, house: House) -> None:
    sdk = sdk_class(house.weir, house.key, port=port, http2=http2)
    house.doubles.behave(f"encoding={encoding}", times=4)
    assert sdk.chat(PROMPT) == f"You said: {PROMPT}"
    assert "".join(sdk.stream(PROMPT)) == f"You said: {PROMPT}"
    assert sdk.chat(PERSONAL) == f"You said: {PERSONAL}"
    assert "".join(sdk.stream(PERSONAL)) == f"You said: {PERSONAL}"
    got = house.doubles.requests()
    assert {row.version for row in got} == {"2" if http2 and port == 443 else "1.1"}
    records = house.until(4, "response")
    assert {(row["protocol"], row["usage_source"]) for row in records} == {
        ("HTTP/2.0" if http2 else "HTTP/1.1", "reported")
    }
