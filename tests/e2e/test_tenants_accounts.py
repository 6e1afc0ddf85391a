"""Whose account a restricted service was used with, where the vendor or the client lets it show."""

from __future__ import annotations

import json

import pytest

from e2e.support import House
from e2e.tenanthouse import OTHERS, OURS, TENANTS, Start, extra, started
from harness.doubles import Doubles
from harness.processes import until

pytestmark = pytest.mark.xdist_group("tenants")


@pytest.fixture(scope="module")
def confined_house(start_module_house: Start, shared_doubles: Doubles) -> House:
    return started(start_module_house, shared_doubles, "enforce", TENANTS)


@pytest.fixture
def confined(confined_house: House, doubles: Doubles) -> House:
    confined_house.begin()
    return confined_house


VIOLATION = json.dumps(
    {"type": "error", "error": {"type": "permission_error", "error_code": "tenant_restriction_violation"}}
)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace(",", "%2C")


@pytest.mark.parametrize(
    ("host", "path", "behaviour", "account"),
    [
        ("claude.ai", "/api/bootstrap", f"status=403,body={_escaped(VIOLATION)}", "personal"),
        ("claude.ai", "/api/bootstrap", f"status=403,encoding=gzip,body={_escaped(VIOLATION)}", "personal"),
        ("claude.ai", "/api/bootstrap", f"status=403,type=text/html,body={_escaped(VIOLATION)}", "personal"),
        ("claude.ai", "/api/bootstrap", "status=403", None),
        ("claude.ai", "/", f"body={_escaped(VIOLATION)}", None),  # a page may quote it
        ("api.anthropic.com", "/v1/models", f"status=403,body={_escaped(VIOLATION)}", "personal"),
        ("api.anthropic.com", "/v1/models", f"header=anthropic-organization-id:{OURS}", "company"),
        ("api.anthropic.com", "/v1/models", f"header=anthropic-organization-id:{OTHERS}", "personal"),
        ("chatgpt.com", "/backend-api/me", "status=403", "personal"),
        ("chatgpt.com", "/backend-api/me", "status=403,header=cf-mitigated:challenge", None),
        ("chatgpt.com", "/", "status=403", None),
        ("login.microsoftonline.com", "/x", "encoding=gzip,type=text/html,body=<p>AADSTS500021: no</p>", "personal"),
        ("login.microsoftonline.com", "/x", "type=text/html,body=<p>Welcome</p>", None),
        ("login.microsoftonline.com", "/x.js", "type=text/javascript,body=AADSTS500021", None),
    ],
)
def test_another_tenants_account_is_recorded_where_it_shows(
    confined: House, host: str, path: str, behaviour: str, account: str | None
) -> None:
    confined.doubles.behave(behaviour, host=host)
    with confined.client() as http:
        http.get(f"https://{host}{path}")
    row = confined.only("response")
    assert row.get("account") == account
    assert (row["verdict"], row.get("rule_id")) == (("alert", "tenant") if account == "personal" else ("allow", None))


@pytest.mark.parametrize(("named", "account"), [(OURS, "company"), (OURS.upper(), "company"), (OTHERS, "personal")])
def test_what_the_client_says_of_its_account_is_compared(confined: House, named: str, account: str) -> None:
    with confined.client() as http:
        http.get("https://chatgpt.com/backend-api/me", headers={"chatgpt-account-id": named})
        http.get(f"https://claude.ai/api/organizations/{named}/chat_conversations")
    rows = confined.until(2, "response")
    assert [row["account"] for row in rows] == [account] * 2
    marks = {extra(row)["tenant_account"] for row in rows}
    assert len(marks) == 1 and len(marks.pop()) == 16
    assert OTHERS not in json.dumps(confined.records())


def test_the_store_lists_them(confined: House) -> None:
    with confined.client() as http:
        for _ in range(2):
            http.get("https://chatgpt.com/backend-api/me", headers={"chatgpt-account-id": OTHERS})
    confined.until(2, "response")
    columns = "vendor, service, exchanges > 1, accounts"
    query = f"SELECT {columns} FROM personal_accounts WHERE accounts = 1 AND exchanges > 1"
    until(lambda: ("chatgpt", "chatgpt", True, 1) in confined.weir.sql(query), "the account in the store")
