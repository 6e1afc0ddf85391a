"""Services nobody approved, services nobody knew, and connections that try not to be looked into."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import pytest

from e2e.raw import Line, dial, drip, forwarder, open_line, post, secure, serving
from e2e.support import House, chat_body
from harness.clients import trust
from weir.demo.tlsfiles import Authority

LAB = "https://inference.lab.example/v1/chat/completions"
BROWSER = {
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
}


def test_an_unapproved_service_is_refused_in_json(house: House) -> None:
    with house.client() as http:
        reply = http.post("https://api.deepseek.com/chat/completions", content=chat_body("How high?"))
    assert reply.status_code == 403 and reply.headers["x-should-retry"] == "false"
    assert reply.headers["content-type"].startswith("application/json")
    assert "approved-services-only" in reply.json()["error"]["message"]
    assert house.doubles.requests() == []
    block = house.only()
    assert (block["service"], block["service_status"], block["rule_id"]) == (
        "deepseek", "unsanctioned", "approved-services-only"
    )  # fmt: skip


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
def test_an_unapproved_service_is_refused_as_a_page(http2: bool, house: House) -> None:
    with house.client(http2=http2) as http:
        page = http.get("https://chat.deepseek.com/", headers=BROWSER)
        script = http.get("https://chat.deepseek.com/api", headers={"accept": "*/*"})
    assert (page.status_code, page.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert "approved-services-only" in page.text and page.text.startswith("<!")
    assert script.status_code == 403 and script.headers["content-type"] == "application/problem+json"
    assert script.json()["rule"] == "approved-services-only"
    assert house.doubles.requests() == []
    assert len(house.until(2)) == 2


def test_an_unknown_host_that_talks_like_an_ai_service_is_discovered(house: House) -> None:
    with house.client() as http:
        reply = http.post(LAB, content=chat_body("How high?"), headers={"content-type": "application/json"})
    assert reply.status_code == 200 and reply.json()["choices"]
    record = house.only("response")
    assert (record["verdict"], record["rule_id"], record["inspection"]) == ("alert", "unknown-ai-service", "inspected")
    assert json.loads(record["extra"])["discovered"] == "true"
    assert record["request_model"] == "gpt-5-mini" and record["output_tokens"] > 0
    rows = house.weir.sql("select discovered from shadow_ai_hosts where host = 'inference.lab.example'")
    assert rows == [(True,)]


def test_ordinary_traffic_on_decrypted_hosts_is_not_called_ai(house: House) -> None:
    order = {"item": "gauge", "messages": ["as agreed"], "model": "T-7", "stream": "north"}
    with house.client() as http:
        replies = [
            http.post("https://api.orders.example/v1/orders", json=order),
            http.get("https://api.orders.example/v1/models"),
            http.get("https://www.news.example/", headers=BROWSER),
            http.post("https://www.news.example/search", data={"q": "river", "prompt": "level"}),
        ]
    assert [reply.status_code for reply in replies] == [200] * 4
    records = house.until(4, "response")
    assert {(row["verdict"], row.get("service"), row.get("service_status")) for row in records} == {
        ("allow", None, None)
    }
    assert not house.records("discovered")


def test_a_false_sni_does_not_turn_inspection_off(house: House) -> None:
    """CONNECT names the provider, the handshake some other host: decrypted, and refused for naming two."""
    with open_line(house.weir.url, "api.openai.com:443", house.weir.ca, sni="www.harmless.example") as line:
        line.send(post("api.openai.com", "/v1/chat/completions", chat_body("How high?"), "x" * 20))
        reply = line.reply()
    assert reply.status == 403 and b"host-mismatch" in reply.body
    assert house.doubles.requests() == [] and house.only()["rule_id"] == "host-mismatch"


def test_a_false_connect_target_does_not_turn_inspection_off(house: House) -> None:
    with open_line(house.weir.url, "www.harmless.example:443", house.weir.ca, sni="api.openai.com") as line:
        line.send(post("api.openai.com", "/v1/chat/completions", chat_body("How high?"), "x" * 20))
        reply = line.reply()
    assert reply.status == 403 and b"host-mismatch" in reply.body
    assert house.only()["rule_id"] == "host-mismatch"


@pytest.mark.parametrize("first", ["api.orders.example", "api.openai.com"])
def test_a_host_header_that_differs_from_the_sni(first: str, house: House) -> None:
    other = {"api.orders.example": "api.openai.com", "api.openai.com": "api.orders.example"}[first]
    with open_line(house.weir.url, f"{first}:443", house.weir.ca) as line:
        line.send(post(other, "/v1/chat/completions", chat_body("How high?"), "x" * 20))
        reply = line.reply()
    assert reply.status == 403 and b"host-mismatch" in reply.body
    block = house.only()
    assert (block["kind"], block["rule_id"]) == ("block", "host-mismatch")
    assert json.loads(block["extra"])["names"] == f"{first} {other}"
    assert house.doubles.requests() == []


def test_an_http2_authority_that_differs_from_the_sni(house: House) -> None:
    with house.client(http2=True) as http:
        reply = http.post(
            "https://api.orders.example/v1/chat/completions",
            content=chat_body("How high?"),
            headers={"host": "api.openai.com"},
        )
    assert reply.status_code == 403 and "host-mismatch" in reply.text
    assert house.doubles.requests() == []


def test_a_hello_that_comes_one_byte_at_a_time_is_decrypted(house: House) -> None:
    plain = dial(house.weir.url, "api.openai.com:443")
    certificate = drip(plain, "api.openai.com", trust(house.weir.ca))  # verified: it is weir's
    plain.close()
    assert b"weir" in certificate
    record = house.only()
    assert (record["kind"], record["inspection"], record["host"]) == ("error", "failed", "api.openai.com")


@pytest.mark.parametrize("garbage", [b"SSH-2.0-OpenSSH_9.9\r\n", b"\x00\x01\x02\x03\x04\x05", b"\x16\x03", b"hello"])
def test_something_else_to_a_decrypted_host_goes_nowhere(garbage: bytes, house: House) -> None:
    before = len(house.doubles.connections())
    with Line(dial(house.weir.url, "api.openai.com:443")) as line:
        line.send(garbage + b"\x7f" * 40)
        answer = line.rest()
    assert not answer or answer.startswith((b"HTTP/1.1 4", b"\x15\x03"))
    record = house.only()
    assert (record["kind"], record["host"]) in (("error", "api.openai.com"), ("block", "api.openai.com"))
    assert record["inspection"] == "failed"
    assert len(house.doubles.connections()) == before


def test_a_client_that_trusts_only_the_provider_is_recorded_as_pinned(house: House) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        secure(dial(house.weir.url, "api.openai.com:443"), "api.openai.com", trust(house.doubles.ca))
    record = house.only()
    assert (record["inspection"], record["host"]) == ("pinned", "api.openai.com")
    assert record["inspection_reason"] == "client does not trust the certificate"
    assert house.doubles.requests() == []


def test_an_unknown_operation_of_a_provider_is_refused_because_nobody_can_read_it(house: House) -> None:
    headers = {"authorization": f"Bearer {house.key}"}
    with house.client() as http:
        unread = http.post("https://api.openai.com/v1/brand-new", json={"thing": "text"}, headers=headers)
        listed = http.get("https://api.openai.com/v1/models", headers=headers)
    assert unread.status_code == 403 and "on-failure" in unread.text
    assert listed.status_code == 200
    block = house.only("block")
    assert (block["inspection"], block["inspection_reason"]) == ("unparsed", "unknown operation")


UPGRADE = (
    b"GET /v1/realtime?model=gpt-realtime HTTP/1.1\r\nHost: api.openai.com\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def test_a_websocket_may_open_as_its_messages_are_looked_at(house: House) -> None:
    with open_line(house.weir.url, "api.openai.com:443", house.weir.ca) as line:
        line.send(UPGRADE)
        reply = line.reply()
    assert reply.status == 401  # the double's own answer to a call without a key: it was asked
    record = house.only("response")
    assert (record["inspection"], record.get("inspection_reason"), record["http_status"]) == (
        "inspected", None, 401
    )  # fmt: skip


def test_an_upstream_with_a_certificate_nobody_vouches_for(house: House, tmp_path: Path) -> None:
    context = Authority(tmp_path).listener(("http/1.1",))  # another CA than the one that weir was told to trust
    with serving(house.flaky, lambda link: context.wrap_socket(link, server_side=True)) as seen, house.client() as http:
        reply = http.post(
            "https://api.openai.com:7443/v1/chat/completions",
            content=chat_body("How high?"),
            headers={"authorization": f"Bearer {house.key}"},
        )
    assert reply.status_code == 502 and seen == [ssl.SSLError], "the handshake was to fail"
    record = house.only("response")
    assert record["reason"] == "upstream certificate not trusted"


def test_an_upstream_that_is_not_who_it_should_be(house: House) -> None:
    with forwarder(house.flaky, house.weir.port), house.client() as http:  # something answers, but no TLS
        reply = http.get("https://api.openai.com:7443/v1/models", headers={"authorization": f"Bearer {house.key}"})
    assert reply.status_code == 502
    assert house.only("response")["reason"]
