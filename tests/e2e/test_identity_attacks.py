"""Whoever holds a virtual key, or somebody else's, and tries to make more of it: refused, recorded, nothing sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from e2e.attacks import HOST, PATH, RAW, basic, known, nothing_left, request, send, sent
from e2e.raw import open_line
from e2e.support import House, issue
from harness.canary import CANARIES
from harness.doubles import Doubles
from weir.keys.virtual import PREFIX, new_key

pytestmark = pytest.mark.xdist_group("identity-attacks")

# A virtual key where the service takes none, as much as where it does; KEY is it.
MISPLACED: dict[str, tuple[list[str], str]] = {
    "beside itself in another header": (["Authorization: Bearer KEY", "X-Api-Key: KEY"], PATH),
    "in a header with an underscore": (["Authorization: Bearer KEY", "x_api_key: KEY"], PATH),
    "in the twin of its header": (["Authorization_: Bearer KEY"], PATH),
    "in a forwarded header": (["X-Forwarded-Authorization: Bearer KEY"], PATH),
    "in a cookie among others": (["Authorization: Bearer KEY", "Cookie: a=1; session=KEY; b=2"], PATH),
    "as a password": ([f"Authorization: Basic {basic('user:KEY')}"], PATH),
    "as a user": (["Authorization: Basic KEYBASE64"], PATH),
    "as a referer": (["Authorization: Bearer KEY", "Referer: https://x.example/?k=KEY"], PATH),
    "as a parameter": (["Authorization: Bearer KEY"], f"{PATH}?key=KEY"),
    "as a parameter in capitals": ([], f"{PATH}?KEY=KEY"),
    "as a parameter spelt in hex": ([], f"{PATH}?k%65y=KEY"),
    "behind a semicolon": (["Authorization: Bearer KEY"], f"{PATH}?a=1;key=KEY"),
    "as a parameter's name": (["Authorization: Bearer KEY"], f"{PATH}?KEY"),
    "in the path": (["Authorization: Bearer KEY"], f"{PATH}/KEY"),
    "in a matrix parameter": (["Authorization: Bearer KEY"], f"{PATH};key=KEY"),
    "in a fragment": (["Authorization: Bearer KEY"], f"{PATH}#KEY"),
    "as a header's name": (["Authorization: Bearer KEY", "X-KEY: 1"], PATH),
    "with another behind a comma": (["Authorization: Bearer KEY, Bearer RAW"], PATH),
    "with its scheme twice": (["Authorization: Bearer Bearer KEY"], PATH),
    "in another scheme": (["Authorization: Digest KEY"], PATH),
    "cut short": (["Authorization: Bearer CUT"], PATH),
    "in another case": (["Authorization: Bearer UPPER"], PATH),
    "with a tail": (["Authorization: Bearer KEYx"], PATH),
    "as a subprotocol of a request that opens no socket": (["Sec-WebSocket-Protocol: realtime, KEY"], PATH),
    "in the header of another protocol": (["Proxy-Connection: KEY", "Authorization: Bearer KEY"], PATH),
}


def filled(text: str, key: str) -> str:
    words = {"KEYBASE64": basic(f"{key}:"), "CUT": key[:-9], "UPPER": key.upper(), "RAW": RAW}
    if "Basic" in text and "KEYBASE64" not in text:
        return f"Authorization: Basic {basic(f'user:{key}')}"
    for word, value in words.items():
        text = text.replace(word, value)
    head, mark, tail = text.partition("?KEY=")
    return head.replace("KEY", key) + mark + tail.replace("KEY", key)


@pytest.mark.parametrize("where", MISPLACED)
def test_a_virtual_key_out_of_its_place_goes_nowhere(where: str, house: House) -> None:
    lines, path = MISPLACED[where]
    reply = send(house, request(*(filled(line, house.key) for line in lines), path=filled(path, house.key)))
    assert 400 <= reply.status < 500, reply.status
    record = nothing_left(house, house.key, reply, "virtual-key", "no-credentials-leave", "on-failure")
    assert record["credential"] == "virtual" or record["rule_id"] != "virtual-key"


@pytest.fixture(scope="module")
def lenient(start_module_house: Callable[..., House]) -> House:
    """A proxy whose policy says nothing of what may not leave, and lets pass what it can't read."""
    return start_module_house(rules=[], on_failure="allow")


@pytest.mark.parametrize("where", MISPLACED)
def test_no_rule_is_needed_for_that(where: str, lenient: House, doubles: Doubles) -> None:
    lenient.begin()
    lines, path = MISPLACED[where]
    reply = send(lenient, request(*(filled(line, lenient.key) for line in lines), path=filled(path, lenient.key)))
    assert reply.status == 401
    assert nothing_left(lenient, lenient.key, reply, "virtual-key")["credential"] == "virtual"


# The head itself is broken, so that two readers may read two things.
BROKEN = {
    "a line folded before the key": ["Authorization:\r\n Bearer KEY"],
    "a line folded behind it": ["Authorization: Bearer KEY\r\n\tX"],
    "a carriage return and a second header": ["X-A: 1\rAuthorization: Bearer KEY"],
    "a line feed and a second header": ["X-A: 1\nAuthorization: Bearer RAW", "Authorization: Bearer KEY\x00"],
    "NUL behind the key": ["Authorization: Bearer KEY\x00"],
    "a space before the colon": ["Authorization : Bearer KEY"],
    "a second host": ["Host: evil.example", "Authorization: Bearer KEY"],
    "an empty name": [": KEY", "Authorization: Bearer KEY"],
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_head_goes_nowhere(how: str, house: House) -> None:
    reply = send(house, request(*(filled(line, house.key) for line in BROKEN[how])))
    assert reply.status in (0, 400, 401)
    assert house.doubles.requests() == []
    record = house.only()
    assert record["kind"] in ("block", "error") and (record.get("reason") or record.get("inspection_reason"))


# Odd, but one reading only: the real key goes in, once.
ODD = {
    "another case": ["aUTHORIZATION: bEARER KEY"],
    "tabs for spaces": ["Authorization:\tBearer\tKEY\t"],
    "no space": ["Authorization:Bearer KEY"],
    "waiting for permission": ["Authorization: Bearer KEY", "Expect: 100-continue"],
    "named as of one hop only": ["Authorization: Bearer KEY", "Connection: keep-alive, Authorization"],
    "an empty twin": ["Authorization:", "Authorization: Bearer KEY"],
}


@pytest.mark.parametrize("how", ODD)
def test_an_odd_spelling_is_read_as_the_provider_reads_it(how: str, house: House) -> None:
    with open_line(house.weir.url, f"{HOST}:443", house.weir.ca) as line:
        line.send(request(*(filled(text, house.key) for text in ODD[how])))
        if "Expect" in str(ODD[how]):
            assert line.head()[0] == 100
        reply = line.reply()
    real = house.doubles.keys["openai"]
    got = sent(house)
    assert PREFIX not in got and got.count(real) <= 1
    if how == "an empty twin":  # which of two counts is for the provider to say
        assert reply.status in (200, 401, 503)
    else:
        assert reply.status == 200 and got.count(real) == 1
        assert house.only("response")["key_id"].startswith("vk-")
    assert real not in f"{reply.headers}{reply.body.decode()}"


def test_a_key_that_was_never_issued_is_on_record_without_an_owner(house: House) -> None:
    guessed = CANARIES.plant(new_key(), "a virtual key nobody issued")
    reply = send(house, request(f"Authorization: Bearer {guessed}"))
    assert reply.status == 401
    record = nothing_left(house, guessed, reply, "virtual-key")
    assert "key_id" not in record and record["src_ip"] and record["credential"] == "virtual"


def test_a_key_replayed_to_another_service(house: House) -> None:
    key = issue(house.weir.data, "--services", "openai")
    reply = send(
        house,
        request(f"x-api-key: {key}", "anthropic-version: 2023-06-01", path="/v1/messages", host="api.anthropic.com"),
        target="api.anthropic.com:443",
    )
    assert reply.status == 401
    assert nothing_left(house, key, reply, "virtual-key")["key_id"].startswith("vk-")


@pytest.mark.parametrize("host", ["api.orders.example", "www.news.example", "inference.lab.example"])
def test_a_key_replayed_to_a_host_that_takes_none(host: str, house: House) -> None:
    data = request(f"Authorization: Bearer {house.key}", host=host, path="/v1/x")
    reply = send(house, data, target=f"{host}:443")
    assert reply.status == 401
    assert nothing_left(house, house.key, reply, "virtual-key")["key_id"] == known(house)


def test_two_virtual_keys_of_which_one_is_good_for_nothing(house: House) -> None:
    other = CANARIES.plant(new_key(), "a virtual key nobody issued")
    for lines in ([house.key, other], [other, house.key]):
        house.begin()
        reply = send(house, request(*(f"Authorization: Bearer {key}" for key in lines)))
        assert reply.status == 401
        nothing_left(house, house.key, reply, "virtual-key")
