"""Every place where a provider takes its key: a virtual one goes in, the real one comes out in that place alone.

The cases come from the providers' own files, so that a place added there is tested without anybody thinking of it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from e2e.raw import open_line
from e2e.support import House
from harness.canary import CANARIES
from harness.doubles import Doubles, Received
from weir.keys.virtual import PREFIX
from weir.model import AuthPlace, Secret
from weir.providers.services.operations import WORD
from weir.providers.services.provider import Operation, Provider
from weir.providers.services.registry import Registry

pytestmark = pytest.mark.xdist_group("auth-places")

REGISTRY = Registry.load()
WITH_KEYS = tuple(provider for provider in REGISTRY.providers if provider.auth)
BODY = b'{"model": "m1", "messages": [{"role": "user", "content": "How high?"}]}'


def host_of(provider: Provider) -> str:
    """A host of this provider, one that its key may go to by default where there is such."""
    patterns = [*(provider.key_hosts or ()), *provider.hosts, *provider.shared_hosts]
    return patterns[0].replace("*", "weir-test")


def operation_for(provider: Provider, place: AuthPlace) -> Operation:
    """An operation that a virtual key is good for; of a provider that has none, any."""
    wanted = [one for one in provider.operations if (one.operation == "realtime") == bool(place.subprotocol)]
    good = [one for one in wanted if one.operation in provider.virtual_key_operations]
    return (good or wanted)[0]


@dataclass(frozen=True)
class Case:
    """A request with its key in one place."""

    provider: Provider
    place: AuthPlace

    def __str__(self) -> str:
        place = self.place
        where = f"{place.header}-{place.scheme}" if place.header else place.query or place.subprotocol
        return f"{self.provider.id}-{where}".strip("-.").lower()

    @property
    def operation(self) -> Operation:
        return operation_for(self.provider, self.place)

    @property
    def taken(self) -> bool:
        """Whether a virtual key is good for anything here. A plain key can't sign in place of an access key."""
        signs = self.place.scheme == "AWS4-HMAC-SHA256"
        return not signs and self.operation.operation in self.provider.virtual_key_operations

    def request(self, key: str) -> bytes:
        """The request, byte by byte as a client would put it."""
        place, operation = self.place, self.operation
        path = re.sub(r"\{[a-z_]+\}", "m1", operation.template.text)
        lines = [f"Host: {host_of(self.provider)}"]
        if place.query:
            path += f"?alt=json&{place.query}={key}"
        elif place.header:
            lines.append(f"{place.header}: {place.scheme} {key}" if place.scheme else f"{place.header}: {key}")
        else:
            said = f"{place.subprotocol}{key}" if place.subprotocol.endswith(".") else f"{place.subprotocol}, {key}"
            lines += ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
            lines += ["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", f"Sec-WebSocket-Protocol: realtime, {said}"]
        body = b"" if operation.method == "GET" else BODY
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        return "\r\n".join([f"{operation.method} {path} HTTP/1.1", *lines, "", ""]).encode() + body


CASES = [Case(provider, place) for provider in WITH_KEYS for place in provider.auth]
REAL = {provider.id: f"real-{provider.id}-{secrets.token_hex(12)}" for provider in WITH_KEYS}


@pytest.fixture(scope="module")
def proxy(start_module_house: Callable[..., House], shared_doubles: Doubles) -> Iterator[House]:
    """One proxy that holds a key of every provider; what it can't read it lets pass, as this is not about bodies."""
    keys: dict[str, Any] = {}
    variables: dict[str, str] = {}
    for number, provider in enumerate(WITH_KEYS):
        variables[f"REAL_{number}"] = CANARIES.plant(REAL[provider.id], f"the real key of {provider.id}")
        bound = Secret("", hosts=provider.bound_hosts).may_go_to(host_of(provider))
        keys[provider.id] = {"secret": f"env:REAL_{number}", **({} if bound else {"hosts": [host_of(provider)]})}
    options = [w for value in shared_doubles.resolve(*{host_of(p) for p in WITH_KEYS}) for w in ("--resolve", value)]
    policy = {"version": 1, "mode": "enforce", "on_failure": "allow", "keys": keys}
    policy["services"] = {"sanctioned": [provider.id for provider in WITH_KEYS]}
    shared = [host_of(provider) for provider in WITH_KEYS if not provider.hosts]  # decrypted only when asked for
    yield start_module_house(policy, options=options, environment=variables, intercept__include=shared)


@pytest.fixture
def house(proxy: House, doubles: Doubles) -> House:
    proxy.begin()
    return proxy


def found_in(got: Received, real: str) -> list[str]:
    """Every place of a request in which the real key stands."""
    places = [f"header {name.lower()}: {value.replace(real, 'KEY')}" for name, value in got.headers if real in value]
    places += [f"query {name}: {value.replace(real, 'KEY')}" for name, value in query_of(got) if real in value]
    places += ["path"] * (real in urlsplit(got.target).path) + ["body"] * (real.encode() in got.body)
    return places


def query_of(got: Received) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(got.target).query, keep_blank_values=True)


def expected(place: AuthPlace) -> str:
    """Where it should, as ``found_in`` says it."""
    if place.query:
        return f"query {place.query}: KEY"
    if place.header:
        return f"header {place.header.lower()}: {place.scheme} KEY".replace(":  ", ": ")
    word = place.subprotocol
    return f"header sec-websocket-protocol: realtime, {word}KEY".replace(f"{word}KEY", _subprotocol(word))


def _subprotocol(word: str) -> str:
    return f"{word}KEY" if word.endswith(".") else f"{word}, KEY"


def ask(house: House, case: Case, key: str) -> int:
    """Send the case's request; the status."""
    with open_line(house.weir.url, f"{host_of(case.provider)}:443", house.weir.ca) as line:
        line.send(case.request(key))
        return line.reply().status


@pytest.mark.parametrize("case", [case for case in CASES if case.taken], ids=str)
def test_the_real_key_goes_where_the_virtual_one_stood_and_nowhere_else(case: Case, house: House) -> None:
    status = ask(house, case, house.key)
    assert house.doubles.requests(), (status, [(row["rule_id"], row.get("reason")) for row in house.records()])
    got = house.doubles.only()
    assert found_in(got, REAL[case.provider.id]) == [expected(case.place)]
    everything = f"{got.target}\n{got.headers}\n{got.body.decode()}"
    assert PREFIX not in everything
    others = [name for name, real in REAL.items() if real in everything and name != case.provider.id]
    assert others == []
    record = house.only("response")
    assert (record["service"], record["credential"], record["auth_method"]) == (
        case.provider.id,
        "virtual",
        "virtual_key",
    )
    assert record["key_id"].startswith("vk-") and record["team"] == "finance"


@pytest.mark.parametrize("case", [case for case in CASES if not case.taken], ids=str)
def test_where_a_virtual_key_is_good_for_nothing_it_goes_nowhere(case: Case, house: House) -> None:
    assert ask(house, case, house.key) == 401
    assert house.doubles.requests() == []
    record = house.only()
    assert (record["kind"], record["rule_id"], record["action"]) == ("block", "virtual-key", "block")
    assert record["key_id"].startswith("vk-"), "whose key it was"


@pytest.mark.parametrize("case", [case for case in CASES if case.taken], ids=str)
def test_a_raw_key_in_the_same_place_is_left_as_it_is_and_known_by_its_fingerprint(case: Case, house: House) -> None:
    raw = CANARIES.plant(f"own-{secrets.token_hex(16)}", f"somebody's own key of {case}")
    ask(house, case, raw)
    got = house.doubles.only()
    assert found_in(got, raw) == [expected(case.place)] and found_in(got, REAL[case.provider.id]) == []
    record = house.only("response")
    assert (record["service"], record["credential"], record["auth_method"]) == (case.provider.id, "raw", "none")
    assert len(record["api_key_fp"]) == 32 and "key_id" not in record


def test_no_declared_place_is_left_out() -> None:
    declared = [(provider.id, place) for provider in REGISTRY.providers for place in provider.auth]
    assert [(case.provider.id, case.place) for case in CASES] == declared
    assert len({str(case) for case in CASES}) == len(CASES) and len(declared) > 80
    assert all(WORD.fullmatch(case.operation.operation) for case in CASES)
