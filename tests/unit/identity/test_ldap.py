"""The directory: found by name, proved by a bind, and never more than that. The server is ldap3's own double."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ldap3
import pytest
from ldap3.core.exceptions import LDAPSocketOpenError

from weir.identity.ldap import REFUSED_S, Directory, DirectoryError, DirectoryRules, connector

BASE = "dc=example,dc=com"
SERVICE, SERVICE_PASSWORD = "cn=weir,dc=example,dc=com", "service-password"
ADA = "uid=ada,ou=people,dc=example,dc=com"
ENTRIES: dict[str, dict[str, Any]] = {
    SERVICE: {"userPassword": SERVICE_PASSWORD, "sn": "weir", "objectClass": "person"},
    ADA: {
        "uid": "ada", "userPassword": "correct-horse", "objectClass": "person", "sn": "L",
        "memberOf": ["cn=analysts,ou=groups,dc=example,dc=com", "cn=eu,ou=groups,dc=example,dc=com"],
    },
    "uid=twin,ou=a,dc=example,dc=com": {"uid": "twin", "userPassword": "pw-a", "objectClass": "person", "sn": "T"},
    "uid=twin,ou=b,dc=example,dc=com": {"uid": "twin", "userPassword": "pw-a", "objectClass": "person", "sn": "T"},
}  # fmt: skip


class Double:
    """Connections to a directory in memory; ``binds`` lists the names that asked for one."""

    def __init__(self) -> None:
        self.binds: list[str] = []
        self.down = False

    def __call__(self, dn: str, password: str) -> ldap3.Connection | None:
        self.binds.append(dn)
        if self.down:
            raise LDAPSocketOpenError("canary")
        connection = ldap3.Connection(
            ldap3.Server("double", get_info=ldap3.NONE), dn, password, client_strategy=ldap3.MOCK_SYNC
        )
        for name, attributes in ENTRIES.items():
            connection.strategy.add_entry(name, dict(attributes))
        return connection if connection.bind() else None


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def directory(double: Double, clock: Clock | None = None, password: Callable[[], str] | None = None) -> Directory:
    rules = DirectoryRules(
        BASE, SERVICE, password or (lambda: SERVICE_PASSWORD), teams={"analysts": "finance"}, cache_s=300
    )
    return Directory(rules, double, clock or Clock())


def test_a_right_password_names_its_user_team_and_groups() -> None:
    double = Double()
    asked = directory(double)
    assert asked.cached("ada", "correct-horse") is None
    found = asked.verify("ada", "correct-horse")
    assert found and (found.user, found.team, found.method, found.strength) == ("ada", "finance", "ldap", 2)
    assert len(found.groups) == 2
    assert double.binds == [SERVICE, ADA] and asked.cached("ada", "correct-horse") == found


def test_one_person_is_one_name_however_it_is_written() -> None:
    class Loose(Double):
        def __call__(self, dn: str, password: str) -> Any:
            connection = super().__call__(dn, password)
            search = connection.search
            # A real server compares without case and outer spaces; the double does not.
            connection.search = lambda base, wanted, **more: search(base, wanted.lower().replace(" ", ""), **more)
            return connection

    found = directory(Loose()).verify("ADA ", "correct-horse")
    assert found and found.user == "ada"


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", "wrong"),
        ("ada", ""),  # an unauthenticated bind would succeed
        ("", "correct-horse"),
        ("nobody", "correct-horse"),
        ("*", "correct-horse"),
        ("a*", "correct-horse"),
        ("ada)(uid=*", "correct-horse"),
        ("ada)(|(uid=*", "correct-horse"),
        ("ada\x00", "correct-horse"),
        ("twin", "pw-a"),  # two entries: which of them?
        ("a" * 257, "x"),
        ("ada", "x" * 257),
    ],
)
def test_what_is_wrong_is_nobody(name: str, password: str) -> None:
    double = Double()
    assert directory(double).verify(name, password) is None
    assert ADA not in double.binds or (name, password) == ("ada", "wrong")


def test_answers_are_kept_for_a_while_only() -> None:
    double, clock = Double(), Clock()
    asked = directory(double, clock)
    asked.verify("ada", "correct-horse")
    asked.verify("ada", "wrong")
    count = len(double.binds)
    asked.verify("ada", "correct-horse")
    asked.verify("ada", "wrong")
    assert len(double.binds) == count
    clock.now = REFUSED_S
    asked.verify("ada", "wrong")
    assert len(double.binds) == count + 2
    clock.now = 300.0
    assert asked.cached("ada", "correct-horse") is None


def test_a_directory_that_is_down_lets_nobody_in_and_is_told_without_content() -> None:
    double = Double()
    double.down = True
    with pytest.raises(DirectoryError, match="cannot be asked") as caught:
        directory(double).verify("ada", "correct-horse")
    assert not any(word in str(caught.value) for word in ("canary", "ada", "horse"))
    assert caught.value.__cause__ is None
    with pytest.raises(DirectoryError, match="own account"):
        directory(Double(), password=lambda: "old").verify("ada", "correct-horse")


@pytest.mark.parametrize("code", [32, 50, 51, 52, 80])  # noSuchObject, insufficientAccess, busy, unavailable, other
def test_a_directory_that_cannot_search_has_not_said_that_a_password_is_wrong(code: int) -> None:
    class Busy(Double):
        def __call__(self, dn: str, password: str) -> Any:
            connection = super().__call__(dn, password)

            def search(*_: Any, **__: Any) -> bool:
                connection.result, connection.response = {"result": code}, []
                return False

            connection.search = search
            return connection

    with pytest.raises(DirectoryError, match="does not answer"):
        directory(Busy()).verify("ada", "correct-horse")


def test_nobody_listens() -> None:
    with pytest.raises(DirectoryError):
        rules = DirectoryRules(BASE, SERVICE, lambda: SERVICE_PASSWORD)
        Directory(rules, connector("ldap://127.0.0.1:9", 1)).verify("ada", "correct-horse")


def test_no_password_is_printed() -> None:
    assert SERVICE_PASSWORD not in repr(DirectoryRules(BASE, SERVICE, lambda: SERVICE_PASSWORD))
