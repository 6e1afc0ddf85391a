"""The section ``identity``: what an empty one means, and which mistakes it does not take."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from weir.sections_identity import ALGORITHMS, SOURCES, Identity

ISSUER = {"issuer": "https://login.example.com/t", "audience": "weir"}
LDAP = {"server": "ldaps://dir.example.com", "base": "dc=example", "bind": "cn=weir", "password": "env:LDAP_PASSWORD"}


def test_an_empty_section_asks_nobody_and_believes_all_sources() -> None:
    identity = Identity()
    assert not identity.required and identity.sources == SOURCES and not identity.permissions
    assert not any(name.startswith(("HS", "none")) for name in ALGORITHMS)


def test_a_whole_section_is_read() -> None:
    identity = Identity.model_validate(
        {
            "required": True,
            "strength": 2,
            "sources": ["jwt", "network"],
            "issuers": [ISSUER | {"claims": {"user": "email", "groups": "realm.roles"}, "teams": {"g1": "finance"}}],
            "ldap": LDAP,
            "certificates": {"ca": "ca.pem", "names": [{"san": "uri:spiffe://example.org/*", "app": "{san}"}]},
            "peers": [{"key": "k", "addresses": ["10.8.0.2/32"], "user": "ada"}],
            "processes": [{"uid": 1000, "program": "/usr/bin/*", "app": "cron"}],
            "permissions": [{"id": "finance", "teams": "finance", "hours": "mon-fri 08:00-18:00"}],
        }
    )
    assert identity.issuers[0].algorithms == ("ES256", "RS256") and identity.issuers[0].leeway_s == 30
    assert identity.ldap and identity.ldap.attribute == "uid"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sources": ["jwt", "jwt"]}, "twice"),
        ({"sources": ["token"]}, "known"),
        ({"strength": 4}, "out of bounds"),
        ({"issuers": [ISSUER | {"issuer": "http://login.example.com"}]}, "not an https address"),
        ({"issuers": [ISSUER | {"issuer": "https://u:canary@example.com"}]}, "not an address"),
        ({"issuers": [ISSUER | {"issuer": "https://example.com/?a=1"}]}, "not an address"),
        ({"issuers": [ISSUER | {"jwks": "file:///etc/keys"}]}, "not an address"),
        ({"issuers": [ISSUER | {"algorithms": "HS256"}]}, "known"),
        ({"issuers": [ISSUER | {"algorithms": "none"}]}, "known"),
        ({"issuers": [ISSUER | {"claims": {"team": "dept"}}]}, "no claim for user or app"),
        ({"issuers": [ISSUER | {"claims": {"boss": "sub"}}]}, "known"),
        ({"issuers": [ISSUER, ISSUER]}, "twice"),
        ({"ldap": LDAP | {"server": "ldap://dir.example.com"}}, "in the clear"),
        ({"ldap": LDAP | {"server": "dir.example.com"}}, "not a directory server"),
        ({"ldap": LDAP | {"server": "ldaps://["}}, "not a directory server"),
        ({"issuers": [ISSUER | {"issuer": "https://["}]}, "not an address"),
        ({"ldap": LDAP | {"attribute": "uid)(objectClass=*"}}, "not an attribute"),
        ({"ldap": LDAP | {"password": "canary"}}, "not a reference"),
        ({"certificates": {"ca": "ca.pem", "names": []}}, "at least 1"),
        ({"certificates": {"ca": "ca.pem", "names": [{"san": "cn:x", "user": "x"}]}}, "no kind of name"),
        ({"certificates": {"ca": "ca.pem", "names": [{"san": "dns:x", "team": "x"}]}}, "stands for nobody"),
        ({"processes": [{"user": "ada"}]}, "every process"),
        ({"permissions": [{"id": "a", "hours": "daily"}]}, "not hours"),
        ({"permissions": [{"id": "a"}, {"id": "a"}]}, "twice"),
    ],
)
def test_a_mistake_is_named_and_no_value_repeated(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Identity.model_validate(fields)
    assert said in str(caught.value) and "canary" not in str(caught.value)
