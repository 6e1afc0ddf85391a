"""Issuers and directories that are away, slow, or have changed their keys: nobody gets in by them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.identities import (
    ENTRIES,
    LDAP_PASSWORD,
    Call,
    Issuer,
    basic,
)
from e2e.support import House
from harness.directory import Directory
from harness.issuer import rsa_key
from harness.processes import until

pytestmark = pytest.mark.xdist_group("identity-outages")


def token_section(issuer: str, **more: Any) -> dict[str, Any]:
    return {"required": True, "issuers": [{"issuer": issuer, "audience": "weir"}], **more}


def test_an_issuer_that_was_never_reached_lets_nobody_in(start: Callable[..., House]) -> None:
    issuer = Issuer()
    issuer.pages = {}
    house = start(token_section(issuer.url))
    until(lambda: issuer.asked, "the attempt")
    reply = Call("connect")(house, f"Bearer {issuer.token()}")
    assert reply.status == 503
    record = house.only()
    assert (record["rule_id"], record["reason"]) == ("identity-required", "jwt: the issuer's keys cannot be had")
    issuer.close()


def test_keys_rotate_outlive_the_issuer_and_a_reload_and_end_with_their_cache(
    start: Callable[..., House], tmp_path: Path
) -> None:
    """The time of a minute is short here, and that of an hour ends when the test says so, however busy the machine is;
    what they mean is tested with a clock in unit/identity."""
    issuer, over = Issuer(), tmp_path / "over"
    first = (
        "import os, weir.identity.jwks as j; j.EARLIEST_S = 0.2\n"
        f"hour = lambda store: 0.1 if os.path.exists({str(over)!r}) else 3600.0\n"
        "j.KeyStore._cache_s = property(hour, lambda store, given: None)"
    )
    house = start(token_section(issuer.url), first=first)
    until(lambda: "/keys" in issuer.asked, "the issuer's keys")
    call = Call("connect")
    old, fresh = rsa_key("old-one"), rsa_key("new-one")
    assert call(house, f"Bearer {issuer.token(fresh)}").status == 407
    issuer.publish(fresh)
    until(lambda: call(house, f"Bearer {issuer.token(fresh)}").status == 200, "the new key")
    assert call(house, f"Bearer {issuer.token(old)}").status == 407, "and no key that was never there"
    assert call(house, f"Bearer {issuer.token()}").status == 407, "a key that is gone is gone at once"
    issuer.close()
    assert call(house, f"Bearer {issuer.token(fresh)}").status == 200, "out of reach, the keys hold"
    house.weir.policy.write_text(house.weir.policy.read_text() + "\n# changed\n")
    house.weir.reload()
    house.weir.until_records(lambda rows: any(row.get("reason") == "policy taken" for row in rows), "the reload")
    assert call(house, f"Bearer {issuer.token(fresh)}").status == 200, "a reload forgets no keys"
    token = f"Bearer {issuer.token(fresh)}"
    over.touch()
    until(lambda: call(house, token).status == 503, "the end of the cache")


def test_a_directory_that_is_down_lets_nobody_in_and_says_so(start: Callable[..., House]) -> None:
    directory = Directory(ENTRIES)
    ldap = {
        "server": directory.url, "base": "dc=example,dc=com", "bind": "cn=weir,dc=example,dc=com",
        "password": "env:DIRECTORY_PASSWORD", "cache_s": 0,
    }  # fmt: skip
    house = start({"required": True, "ldap": ldap}, on_failure="allow")
    assert Call("connect")(house, basic("grace", LDAP_PASSWORD)).status == 200
    directory.close()
    for form in ("connect", "absolute"):
        house.begin()
        house.doubles.reset()
        reply = Call(form)(house, basic("grace", LDAP_PASSWORD))
        assert reply.status == 503
        record = house.only("block")
        assert record["rule_id"] == "identity-required" and record["reason"].startswith(
            "basic: the directory cannot be asked"
        )
        assert house.doubles.requests() == []
