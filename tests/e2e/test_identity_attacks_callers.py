"""Who is calling, contradicted: a tunnel of one person and keys of another, stolen keys, forged tokens and headers."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from e2e.attacks import BODY, HOST, PATH, nothing_left, request, send, sent
from e2e.raw import Refused, dial, open_line
from e2e.support import House, command, issue, only_http2
from harness.canary import CANARIES
from harness.doubles import Doubles
from harness.h2client import dial_h2
from harness.issuer import b64, claims, jwks, rsa_key
from harness.issuer_site import Site
from harness.processes import until
from weir.keys.virtual import PREFIX

pytestmark = pytest.mark.xdist_group("identity-attacks-callers")

PASSWORD = CANARIES.plant(f"towpath-{secrets.token_hex(8)}", "a user's password")
NETWORK, OUTSIDE = "127.0.0.8", "127.0.0.9"
DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Site]:
    site = Site()
    found = orjson.dumps({"issuer": site.url, "jwks_uri": f"{site.url}/keys"})
    site.pages = {DISCOVERY: (200, found, {}), "/keys": (200, jwks(rsa_key()), {})}
    yield site
    site.close()


@pytest.fixture(scope="module")
def one_house(start_module_house: Callable[..., House], issuer: Site) -> House:
    def prepare(folder: Path) -> Mapping[str, Any]:
        path = str(folder / "users")
        for user, team in (("jane", "research"), ("fay", "finance")):
            told = ("identity", "add", user, "--users", path, "--team", team, "--password-stdin")
            command(*told, given=PASSWORD)
        networks = [{"cidr": f"{NETWORK}/32", "team": "laboratory"}]
        issuers = [{"issuer": issuer.url, "audience": "weir", "claims": {"user": "sub", "team": "team"}}]
        return {"identity": {"users": path, "networks": networks, "issuers": issuers}}

    made = start_module_house(prepare=prepare)
    until(lambda: "/keys" in issuer.asked, "the issuer's keys")
    return made


@pytest.fixture
def house(one_house: House, doubles: Doubles) -> House:
    one_house.begin()
    return one_house


def bearer(key: str) -> str:
    return f"Authorization: Bearer {key}"


def test_a_tunnel_of_one_and_a_key_of_another_team(house: House) -> None:
    reply = send(house, request(bearer(house.key)), auth=f"jane:{PASSWORD}")
    assert reply.status == 403
    record = nothing_left(house, house.key, reply, "identity-conflict")
    assert record["key_id"].startswith("vk-") and "team" in record["reason"]
    house.begin()
    assert send(house, request(bearer(house.key)), auth=f"fay:{PASSWORD}").status == 200, "of the same team"
    assert house.only("response")["key_id"] == record["key_id"]


def test_a_tunnel_of_one_and_a_key_of_another_person(house: House) -> None:
    key = issue(house.weir.data, "--user", "ada")
    until(lambda: send(house, request(bearer(key))).status == 200, "the key to be known")
    house.doubles.reset()
    house.begin()
    reply = send(house, request(bearer(key)), auth=f"fay:{PASSWORD}")
    assert reply.status == 403
    assert "user" in nothing_left(house, key, reply, "identity-conflict")["reason"]


def test_a_key_of_each_request_speaks_for_that_request_alone(house: House) -> None:
    other = issue(house.weir.data, "--user", "ada")
    until(lambda: send(house, request(bearer(other))).status == 200, "the key to be known")
    house.begin()
    with open_line(house.weir.url, f"{HOST}:443", house.weir.ca) as line:
        for lines in ([bearer(house.key)], [bearer(other)], []):
            line.send(request(*lines))
            line.reply()
    rows = house.until(3, "response")
    assert [row.get("user", "") for row in rows] == ["", "ada", ""]
    assert [bool(row.get("key_id")) for row in rows] == [True, True, False], "nobody inherits a key"


def test_a_stolen_key_used_from_another_network(house: House) -> None:
    key = issue(house.weir.data, "--networks", f"{NETWORK}/32")
    until(lambda: send(house, request(bearer(key)), source=NETWORK).status == 200, "the key to be known")
    house.doubles.reset()
    house.begin()
    reply = send(house, request(bearer(key)), source=OUTSIDE)
    assert reply.status == 401
    record = nothing_left(house, key, reply, "virtual-key")
    assert (record["src_ip"], record["team"]) == (OUTSIDE, "finance") and record["key_id"].startswith("vk-")
    assert "network" in record["reason"]


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "CF-Connecting-IP"])
def test_an_address_in_a_header_is_nobodys_address(name: str, house: House) -> None:
    key = issue(house.weir.data, "--networks", f"{NETWORK}/32")
    claim = f"for={NETWORK}" if name == "Forwarded" else NETWORK
    reply = send(house, request(bearer(key), f"{name}: {claim}"), source=OUTSIDE)
    assert reply.status == 401 and house.doubles.requests() == []
    house.begin()
    raw = house.doubles.keys["openai"]
    assert send(house, request(bearer(raw), f"{name}: {claim}"), source=OUTSIDE).status == 200
    record = house.only("response")
    assert record["auth_method"] == "none" and record.get("team") is None


@pytest.mark.parametrize(
    "name", ["X-Forwarded-User", "X-Remote-User", "Remote-User", "X-Weir-User", "X-Auth-Request-User"]
)
def test_a_name_in_a_header_is_nobodys_name(name: str, house: House) -> None:
    assert send(house, request(bearer(house.doubles.keys["openai"]), f"{name}: jane")).status == 200
    record = house.only("response")
    assert record.get("user") is None and record["auth_method"] == "none"


SMUGGLED = {
    "a virtual key": "Bearer KEY",
    "a virtual key as a password": None,
    "nonsense": "Basic ====",
    "another scheme": "Negotiate abc",
}


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
@pytest.mark.parametrize("what", SMUGGLED)
def test_credentials_for_a_proxy_inside_a_tunnel_go_nowhere(what: str, http2: bool, house: House) -> None:
    value = (SMUGGLED[what] or "Basic " + b64(f"jane:{house.key}".encode())).replace("KEY", house.key)
    own = house.doubles.keys["openai"]
    if http2:
        with dial_h2(dial(house.weir.url, f"{HOST}:443"), HOST, only_http2(house.weir.ca)) as line:
            pseudo = [(":method", "POST"), (":scheme", "https"), (":path", PATH), (":authority", HOST)]
            more = [("authorization", f"Bearer {own}"), ("proxy-authorization", value)]
            status = line.ask([*pseudo, *more, ("content-type", "application/json")], BODY).status
    else:
        status = send(house, request(bearer(own), f"pROXY-aUTHORIZATION: {value}")).status
    assert status == 407 and house.doubles.requests() == []
    assert house.only()["rule_id"] == "identity-required"


@pytest.mark.parametrize("at_once", [False, True], ids=["heard", "at once"])
def test_a_body_that_ends_before_it_began_is_one_record_and_goes_nowhere(at_once: bool, house: House) -> None:
    with dial_h2(dial(house.weir.url, f"{HOST}:443"), HOST, only_http2(house.weir.ca)) as line:
        pseudo = [(":method", "POST"), (":scheme", "https"), (":path", PATH), (":authority", HOST)]
        more = [("authorization", f"Bearer {house.key}"), ("content-type", "application/json")]
        assert line.broken_off([*pseudo, *more, ("content-length", "79")], at_once=at_once).status == 0
    assert house.only("error", "block", "response")["kind"] == "error"
    assert house.doubles.requests() == []


def hs256(header: dict[str, Any], body: dict[str, Any], secret: bytes) -> str:
    """A token that is truly signed, with HMAC under this secret."""
    signed = f"{b64(orjson.dumps(header))}.{b64(orjson.dumps(body))}"
    return f"{signed}.{b64(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def forged(issuer: Site) -> dict[str, str]:
    """Tokens for jane that only a careless reader takes for the issuer's."""
    now = int(time.time())
    body = claims(iss=issuer.url, sub="jane", iat=now - 5, exp=now + 600)
    ours, theirs = rsa_key(), rsa_key("theirs")
    public = ours.private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    jwk = theirs.jwk()
    good = ours.token(body)
    head, claimed, signature = good.split(".")
    told = f"{issuer.url}/attacker"
    return {
        "HMAC with the public key as PEM": hs256({"alg": "HS256", "kid": "r1"}, body, pem),
        "HMAC with the public key as DER": hs256({"alg": "HS256", "kid": "r1"}, body, der),
        "HMAC with the key set": hs256({"alg": "HS256", "kid": "r1"}, body, jwks(ours)),
        "HMAC with nothing": hs256({"alg": "HS256", "kid": "../../../dev/null"}, body, b""),
        "none in another case": f"{b64(orjson.dumps({'alg': 'nOnE', 'kid': 'r1'}))}.{claimed}.",
        "without a signature": f"{head}.{claimed}.",
        "with somebody else's claims": f"{head}.{b64(orjson.dumps({**body, 'sub': 'root'}))}.{signature}",
        "with its own key": theirs.token(body, kid="r1", jwk=jwk),
        "with an address of its key": theirs.token(body, kid="new", jku=told),
        "with an address of its certificate": theirs.token(body, kid="new", x5u=told),
        "with a path for a key's id": theirs.token(body, kid="../../keys"),
        "with an extension that has to be understood": ours.token(body, crit=["exp"]),
        "with an unencoded payload": ours.token(body, b64=False, crit=["b64"]),
        "padded": f"{head}==.{claimed}.{signature}",
        "twice": f"{good}, {good}",
        "very long": ours.token({**body, "more": "x" * 40_000}),
        "an audience among strangers' names": ours.token({**body, "aud": "weird"}),
    }


KINDS = [
    "HMAC with the public key as PEM", "HMAC with the public key as DER", "HMAC with the key set", "HMAC with nothing",
    "none in another case", "without a signature", "with somebody else's claims", "with its own key",
    "with an address of its key", "with an address of its certificate", "with a path for a key's id",
    "with an extension that has to be understood", "with an unencoded payload", "padded", "twice", "very long",
    "an audience among strangers' names",
]  # fmt: skip


def test_every_forgery_is_tried(issuer: Site) -> None:
    assert list(forged(issuer)) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_token_opens_nothing(kind: str, house: House, issuer: Site) -> None:
    token = forged(issuer)[kind]
    if len(token) < 5000:  # a longer one is no pattern to look for
        CANARIES.plant(token, "a forged token")
    with pytest.raises(Refused) as refused:
        source = f"127.0.3.{KINDS.index(kind) + 1}"  # each from its own address: guessing is slowed
        dial(house.weir.url, f"{HOST}:443", source=source, more=f"Proxy-Authorization: Bearer {token}\r\n")
    assert refused.value.reply.status in (407, 400, 431)
    assert house.doubles.requests() == [] and "/attacker" not in issuer.asked
    record = house.only()
    assert record["kind"] in ("block", "error") and record.get("user") is None
    assert (record.get("reason") or record.get("inspection_reason")) and token not in json.dumps(record)


def test_a_good_token_is_good(house: House, issuer: Site) -> None:
    now = int(time.time())
    token = rsa_key().token(claims(iss=issuer.url, sub="jane", iat=now - 5, exp=now + 600))
    own = house.doubles.keys["openai"]
    more = f"Proxy-Authorization: Bearer {CANARIES.plant(token, 'a token')}\r\n"
    assert send(house, request(bearer(own)), more=more).status == 200
    assert house.only("response")["user"] == "jane" and token not in sent(house) and PREFIX not in sent(house)
