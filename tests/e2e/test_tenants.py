"""Tenant restriction on the wire: the vendor's header arrives in the company's words alone, and nowhere else."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator

import httpx
import pytest

from e2e.raw import open_line
from e2e.support import House, chat_body
from e2e.tenanthouse import OTHERS, OURS, TENANTS, Start, arrived, extra, started
from harness.canary import CANARIES
from harness.doubles import Doubles
from harness.processes import until

pytestmark = pytest.mark.xdist_group("tenants")

WORKSPACE = "ChatGPT-Allowed-Workspace-Id"
ARRIVES = [
    ("chatgpt.com", {WORKSPACE: OURS}),
    ("claude.ai", {"anthropic-allowed-org-ids": OURS}),
    ("accounts.google.com", {"X-GoogApps-Allowed-Domains": "example.com"}),
    ("mail.google.com", {"X-GoogApps-Allowed-Domains": "example.com"}),
    (
        "login.microsoftonline.com",
        {"Restrict-Access-To-Tenants": f"example.com,{OURS}", "Restrict-Access-Context": OURS},
    ),
    ("login.live.com", {"sec-Restrict-Tenant-Access-Policy": "restrict-msa"}),
    ("api.openai.com", {}),  # not in the policy's section
    ("www.news.example", {}),  # nobody's
]


@pytest.fixture(scope="module")
def confined_house(start_module_house: Start, shared_doubles: Doubles) -> House:
    return started(start_module_house, shared_doubles, "enforce", TENANTS)


@pytest.fixture
def confined(confined_house: House, doubles: Doubles) -> House:
    confined_house.begin()
    return confined_house


@pytest.fixture(scope="module")
def watching_house(start_module_house: Start, shared_doubles: Doubles) -> House:
    return started(start_module_house, shared_doubles, "observe", TENANTS)


@pytest.fixture
def watching(watching_house: House, doubles: Doubles) -> Iterator[House]:
    watching_house.begin()
    yield watching_house


def small(headers: dict[str, str]) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in headers.items()]


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
@pytest.mark.parametrize("port", ["", ":8443"], ids=["to-h2", "to-h1"])
@pytest.mark.parametrize(("host", "wanted"), ARRIVES, ids=[host for host, _ in ARRIVES])
def test_each_host_gets_its_vendors_header_and_no_other(
    confined: House, host: str, wanted: dict[str, str], port: str, http2: bool
) -> None:
    with confined.client(http2=http2) as http:
        assert http.get(f"https://{host}{port}/welcome").status_code < 500
    assert [(name.lower(), value) for name, value in arrived(confined, host)] == small(wanted)
    row = confined.only("response")
    assert extra(row).get("tenant_header", "") == ("set" if wanted else "")


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
def test_copies_of_the_client_go_in_every_spelling(confined: House, http2: bool) -> None:
    sent = [
        (WORKSPACE, OTHERS),
        (WORKSPACE.lower(), OTHERS),
        (WORKSPACE.upper(), OTHERS),
        ("ChatGPT_Allowed_Workspace_Id", OTHERS),
        ("anthropic-allowed-org-ids", OTHERS),
        ("x-other", "stays"),
    ]
    with confined.client(http2=http2) as http:
        http.get("https://chatgpt.com/", headers=httpx.Headers(sent))
    assert [(name.lower(), value) for name, value in arrived(confined, "chatgpt.com")] == [(WORKSPACE.lower(), OURS)]
    assert confined.doubles.only("chatgpt.com").header("x-other") == "stays"
    assert OTHERS not in str(confined.doubles.only("chatgpt.com").headers)
    assert extra(confined.only("response"))["tenant_copies"] == "5"


def test_the_next_hop_is_not_told_to_take_the_header_out(confined: House) -> None:
    """``Connection: ChatGPT-Allowed-Workspace-Id`` makes it a header of one hop, which a front server drops."""
    with open_line(confined.weir.url, "chatgpt.com:8443", confined.weir.ca) as line:
        line.send(
            b"GET / HTTP/1.1\r\nHost: chatgpt.com\r\nConnection: keep-alive, chatgpt-allowed-workspace-ID\r\n"
            b"connection: ChatGPT_Allowed_Workspace_Id\r\n\r\n"
        )
        assert line.reply().status == 200
    received = confined.doubles.only("chatgpt.com")
    assert received.header(WORKSPACE) == OURS
    assert all("workspace" not in value.lower() for name, value in received.headers if name.lower() == "connection")
    assert confined.only("response")["http_status"] == 200


def test_curl_gets_the_header_too(confined: House) -> None:
    done = subprocess.run(
        [
            *("curl", "-sS", "--http2", "--proxy", confined.weir.url, "--cacert", str(confined.weir.ca)),
            *("-H", f"{WORKSPACE}: {OTHERS}", "https://chatgpt.com/"),
        ],
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert [value for _, value in arrived(confined, "chatgpt.com")] == [OURS]
    assert confined.only("response")["service"] == "chatgpt"


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
@pytest.mark.parametrize("mode", ["enforce", "observe"])
@pytest.mark.parametrize("host", ["login.microsoftonline.com", "login.live.com", "accounts.google.com"])
def test_passwords_pass_unread_and_unrecorded(
    confined: House, watching: House, host: str, mode: str, http2: bool
) -> None:
    house = confined if mode == "enforce" else watching
    password = CANARIES.plant("Heron-" + secrets.token_hex(12), "a password on a sign-in page")
    form = {"login": "jane.doe@example.org", "passwd": password, "model": "gpt-5", "messages": "[]"}
    with house.client(http2=http2) as http:
        assert http.post(f"https://{host}/common/login?login_hint=x", data=form).status_code == 200
    received = house.doubles.only(host)
    assert password.encode() in received.body and received.complete
    row = house.only("response")
    assert (row["inspection"], row["verdict"]) == ("partial", "allow")
    assert "bodies are not read" in row["inspection_reason"] and row["req_bytes"] == len(received.body)
    assert not row.get("findings") and not row.get("dlp_chars") and password not in json.dumps(house.weir.records())


def test_an_upload_to_a_wide_host_is_not_buffered(confined: House) -> None:
    """``*.google.com`` is wide: what is sent there streams through, however long it is."""
    with open_line(confined.weir.url, "mail.google.com:8443", confined.weir.ca) as line:
        line.send(b"POST /upload HTTP/1.1\r\nHost: mail.google.com\r\nContent-Length: 3000000\r\n\r\n" + b"a" * 1000)
        # The rest has not been sent, and the head has reached the server all the same.
        until(lambda: confined.doubles.requests("mail.google.com"), "the head of the upload")
        line.send(b"a" * 2_999_000)
        assert line.reply().status == 200
    assert len(confined.doubles.only("mail.google.com").body) == 3_000_000
    assert arrived(confined, "mail.google.com") == [("X-GoogApps-Allowed-Domains", "example.com")]
    assert confined.only("response")["req_bytes"] == 3_000_000


@pytest.mark.parametrize(
    "path",
    [
        "/backend-anon/conversation",
        "/backend-anon",
        "//Backend-Anon/x",
        "/%62ackend-anon/x",
        "/a/../backend-anon/x?y=1",
    ],
)
@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
def test_use_without_signing_in_is_refused(confined: House, http2: bool, path: str) -> None:
    with confined.client(http2=http2) as http:
        request = http.build_request("POST", "https://chatgpt.com/", json={"messages": []})
        request.url = request.url.copy_with(raw_path=path.encode())
        reply = http.send(request)
    assert reply.status_code == 403 and "without signing in" in reply.text
    assert confined.doubles.requests() == []
    row = confined.only()
    assert (row["kind"], row["rule_id"], row["verdict"], row["action"]) == ("block", "tenant", "block", "block")


def test_observe_changes_nothing_and_records_what_would_be(watching: House) -> None:
    with watching.client() as http:
        anon = http.get("https://chatgpt.com/backend-anon/me", headers={WORKSPACE: OTHERS})
    assert anon.status_code == 200
    assert arrived(watching, "chatgpt.com") == [(WORKSPACE, OTHERS)]
    row = watching.only("response")
    assert (row["rule_id"], row["verdict"], row["action"]) == ("tenant", "block", "allow")


def test_observe_tells_of_a_header_that_would_be_set(watching: House) -> None:
    watching.doubles.behave("header=alt-svc:h3=%22:443%22", host="claude.ai")
    with watching.client() as http:
        reply = http.get("https://claude.ai/", headers={"anthropic-allowed-org-ids": OTHERS})
    assert "alt-svc" in reply.headers
    assert arrived(watching, "claude.ai") == [("anthropic-allowed-org-ids", OTHERS)]
    found = extra(watching.only("response"))
    assert (found["tenant_header"], found["tenant_copies"]) == ("not set (observe)", "1")


def test_no_way_to_quic_is_offered(confined: House) -> None:
    for host, offered in (("claude.ai", False), ("www.news.example", True)):
        confined.doubles.behave("header=alt-svc:h3=%22:443%22", host=host)
        with confined.client() as http:
            assert ("alt-svc" in http.get(f"https://{host}/").headers) is offered
    confined.until(2, "response")


def test_prompts_to_a_restricted_service_are_inspected_as_ever(confined: House) -> None:
    body = chat_body("How high is the river?")
    with confined.client() as http:
        http.post("https://chatgpt.com/backend-api/conversation", content=body)
    row = confined.only("response")
    assert row["service"] == "chatgpt" and row["dlp_chars"] and "tenant" in extra(row)


def test_the_restricted_name_behind_another_hosts_connection_is_sent_nowhere(confined: House) -> None:
    with open_line(confined.weir.url, "www.news.example:443", confined.weir.ca) as line:
        line.send(b"GET / HTTP/1.1\r\nHost: login.microsoftonline.com\r\n\r\n")
        assert line.reply().status == 421
    assert confined.doubles.requests() == [] and confined.only()["rule_id"] == "tenant"


def test_other_hosts_stay_undecrypted(confined: House) -> None:
    with httpx.Client(proxy=confined.weir.url, verify=str(confined.doubles.ca), trust_env=False) as http:
        assert http.get("https://api.stock.example/").status_code == 200
    assert arrived(confined, "api.stock.example") == []
    assert confined.until(1, "meter")[0]["inspection"] == "metered"


def test_a_changed_section_holds_from_the_next_request(confined: House) -> None:
    text = confined.weir.policy.read_text()
    try:
        with confined.client() as http:
            for ours in (OURS, OTHERS):
                confined.change(lambda path, ours=ours: path.write_text(text.replace(OURS, ours)))  # type: ignore[misc]
                http.get("https://chatgpt.com/")
    finally:
        confined.change(lambda path: path.write_text(text))
    assert [row.header(WORKSPACE) for row in confined.doubles.requests("chatgpt.com")] == [OURS, OTHERS]
