"""A policy's section becomes the sources it describes."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from harness.issuer import jwks, rsa_key
from weir.identity.build import Passwords, build
from weir.identity.jwks import parse_jwks
from weir.identity.users import Work, add
from weir.model import Principal
from weir.sections_identity import SOURCES, Identity

KEY = base64.b64encode(bytes(range(32))).decode()


def reveal(reference: str) -> str:
    raise AssertionError("no secret is needed to build")


def made(**fields: Any) -> Any:
    return build(Identity.model_validate(fields), reveal)


def test_nothing_given_knows_nobody() -> None:
    sources = made()
    assert sources.order == SOURCES and sources.networks.lookup("10.0.0.1") is None
    assert not sources.passwords and not sources.permissions and not sources.processes
    assert sources.tokens is None and sources.certificates is None and sources.fetchers == ()
    sources.start()
    sources.close()


def test_everything_given_is_there(tmp_path: Path) -> None:
    add(tmp_path / "users", "ada", "correct horse", work=Work(10, 1, 1))
    sources = made(
        required=True,
        strength=2,
        sources=["jwt", "peer"],
        networks=[{"cidr": "10.0.0.0/8", "team": "office"}],
        users=str(tmp_path / "users"),
        ldap={"server": "ldaps://d.example.com", "base": "dc=x", "bind": "cn=w", "password": "env:X"},
        issuers=[{"issuer": "https://login.example.com", "audience": "weir"}],
        peers=[{"key": KEY, "addresses": ["10.8.0.2/32"], "user": "bob"}],
        processes=[{"uid": 1, "app": "cron"}],
        permissions=[{"id": "all"}],
    )
    assert sources.order == ("jwt", "peer")
    assert sources.peers.lookup("10.8.0.2") == Principal(user="bob", method="peer", strength=2)
    assert sources.passwords.verify("ada", "correct horse") and sources.passwords.cached("ada", "correct horse")
    assert sources.tokens and len(sources.fetchers) == 1 and sources.permissions and sources.processes


def test_a_changed_policy_forgets_no_keys_and_makes_none_younger() -> None:
    one = {"issuer": "https://login.example.com", "audience": "weir"}
    old = made(issuers=[one])
    old.stores[one["issuer"], None].took(parse_jwks(jwks(rsa_key())), 0.0)
    fields = {"issuers": [one | {"audience": "other"}, {"issuer": "https://two.example", "audience": "weir"}]}
    new = build(Identity.model_validate(fields), reveal, before=old)
    store = new.stores[one["issuer"], None]
    assert store is not old.stores[one["issuer"], None]
    assert store.find("r1", "RS256", 86_399.0) and not store.find("r1", "RS256", 86_400.0)
    assert not new.stores["https://two.example", None].usable(0.0)
    moved = build(Identity.model_validate({"issuers": [one | {"jwks": "https://x.example/k"}]}), reveal, before=old)
    assert not moved.stores[one["issuer"], "https://x.example/k"].usable(0.0), "keys from elsewhere are not these"


def test_a_file_without_a_ca_is_said(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    names = [{"san": "dns:*", "device": "{san}"}]
    with pytest.raises(ValueError, match="no CA certificate"):
        made(certificates={"ca": str(tmp_path / "ca.pem"), "names": names})
    with pytest.raises(OSError, match="No such file"):
        made(certificates={"ca": str(tmp_path / "none.pem"), "names": names})


def test_passwords_are_asked_in_their_order() -> None:
    class Fixed:
        def __init__(self, name: str) -> None:
            self.name = name

        def cached(self, username: str, password: str) -> Principal | None:
            return None

        def verify(self, username: str, password: str) -> Principal | None:
            return Principal(user=self.name) if username == self.name else None

    passwords = Passwords(Fixed("a"), None, Fixed("b"))
    for name in ("a", "b"):
        found = passwords.verify(name, "x")
        assert found and found.user == name
    assert passwords.verify("c", "x") is None and passwords.cached("a", "x") is None


def test_who_logged_in_before_a_changed_policy_need_not_again(tmp_path: Path) -> None:
    path = tmp_path / "users"
    add(path, "ada", "correct horse", work=Work(10, 1, 1))
    old = made(users=str(path))
    assert old.passwords.verify("ada", "correct horse")
    new = build(Identity.model_validate({"users": str(path), "required": True}), reveal, before=old)
    assert new.passwords.cached("ada", "correct horse")
    add(path, "ada", "battery staple", work=Work(10, 1, 1))
    newer = build(Identity.model_validate({"users": str(path)}), reveal, before=new)
    assert not newer.passwords.cached("ada", "correct horse") and newer.passwords.verify("ada", "battery staple")
    add(tmp_path / "others", "bob", "correct horse", work=Work(10, 1, 1))
    other = build(Identity.model_validate({"users": str(tmp_path / "others")}), reveal, before=newer)
    assert other.users is not newer.users and len(other.users or ()) == 1
