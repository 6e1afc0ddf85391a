"""Clients that know of no proxy: what the redirect leads to weir, what it turns away, and whose word counts."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from typing import Any

import pytest

from e2e.raw import post
from e2e.support import ADDRESS, chat_body
from e2e.transparent.machines import (
    CLIENT,
    CLIENT6,
    CROOK,
    GATEWAY,
    HONEST,
    HONEST6,
    NOBODY,
    PORTS,
    Site,
    in_pieces,
    named,
    names,
    up,
)  # fmt: skip
from harness.clients import trust
from harness.netspaces import needed
from harness.processes import until
from weir.edge.bounds.doors import LED_BACK

pytestmark = [pytest.mark.xdist_group("transparent"), needed, pytest.mark.needs("nft"), pytest.mark.needs("ip")]

CHAT = "https://api.openai.com/v1/chat/completions"
MODELS = "https://api.openai.com/v1/models"


def asks(site: Site, text: str = "How high is the river?") -> list[str]:
    """curl's options for a chat with the virtual key."""
    key, kind = f"Authorization: Bearer {site.key}", "Content-Type: application/json"
    return ["-H", key, "-H", kind, "--data-binary", chat_body(text).decode()]


def test_curl_is_inspected_and_gets_the_companys_key(site: Site) -> None:
    site.doubles.behave("header=alt-svc:h3=%22:443%22")
    done = site.curl(CHAT, *asks(site, f"Thank {ADDRESS}."))
    head, _, body = done.stdout.partition("\n\n")
    assert " 200" in head.splitlines()[0], done
    assert "alt-svc" not in head.lower()
    assert json.loads(body)["choices"], done
    got = site.doubles.only("api.openai.com")
    assert got.header("authorization") == f"Bearer {site.doubles.keys['openai']}"
    assert ADDRESS not in got.body.decode()
    row = site.only("response")
    assert (row["host"], row["service"], row["src_ip"], row["port"]) == ("api.openai.com", "openai", CLIENT, 443)
    assert (row["inspection"], row["action"], row["app"]) == ("inspected", "pseudonymise", "e2e")
    assert names(row)["address"] == f"{HONEST}:443"


def test_ipv6(site: Site) -> None:
    assert " 200" in site.curl(CHAT, *asks(site), to=HONEST6).stdout
    row = site.only("response")
    assert (row["src_ip"], row["inspection"], names(row)["address"]) == (CLIENT6, "inspected", f"{HONEST6}:443")


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
def test_the_openai_sdk_streams_live(http2: bool, site: Site) -> None:
    import openai

    site.doubles.behave("gate=live")
    http = openai.DefaultHttpxClient(verify=trust(site.public / "weir.pem"), http2=http2, timeout=25.0, trust_env=False)
    with http, named(api_openai_com=HONEST):
        sdk = openai.OpenAI(api_key=site.key, base_url="https://api.openai.com/v1", http_client=http, max_retries=0)
        ask: dict[str, Any] = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "How high?"}]}
        stream = site.client.within(lambda: sdk.chat.completions.create(stream=True, **ask))
        next(stream)
        assert site.doubles.waiting("live") == 1, "the first event is here, the second is not sent yet"
        site.doubles.release("live", "all")
        assert list(stream)
    row = site.only("response")
    assert (row["inspection"], row["stream"], row["finish_reason"]) == ("inspected", True, "stop")


def test_the_anthropic_sdk(site: Site) -> None:
    import anthropic

    context = trust(site.public / "weir.pem")
    with anthropic.DefaultHttpxClient(verify=context, timeout=25.0, trust_env=False) as http:
        sdk = anthropic.Anthropic(
            api_key=site.key, base_url="https://api.anthropic.com", http_client=http, max_retries=0
        )
        question: Any = [{"role": "user", "content": "How high?"}]
        with named(api_anthropic_com=HONEST):
            reply = site.client.within(
                lambda: sdk.messages.create(model="claude-sonnet-5", max_tokens=50, messages=question)
            )
    assert reply.content
    assert site.doubles.keys["anthropic"] in str(site.doubles.only("api.anthropic.com").headers)
    assert site.only("response")["service"] == "anthropic"


@pytest.mark.parametrize("at", [0, 1], ids=["hello", "request"])
def test_who_begins_in_pieces_is_inspected_all_the_same(at: int, site: Site) -> None:
    """Of a few bytes nobody can say what they are; the connection goes to an address, which is no host to decrypt."""
    request = post("api.openai.com", "/v1/chat/completions", chat_body(f"Thank {ADDRESS}."), site.key)
    context = trust(site.public / "weir.pem")  # names no protocol within TLS: what is said there has to tell

    def ask() -> bytes:
        with socket.create_connection((HONEST, 443), 10) as line:
            return in_pieces(line, context, "api.openai.com", [request[:at], request[at:]] if at else [request])

    assert site.client.within(ask).startswith(b"HTTP/1.1 200 ")
    assert ADDRESS not in site.doubles.only("api.openai.com").body.decode()
    assert site.only("response")["inspection"] == "inspected"


def test_what_is_no_request_within_tls_goes_nowhere(site: Site) -> None:
    """Servers pass over an empty line before a request; a relay of it would be one that nobody reads."""
    request = post("api.openai.com", "/v1/chat/completions", chat_body("How high?"), site.doubles.keys["openai"])

    def ask() -> None:
        with socket.create_connection((HONEST, 443), 10) as line:
            in_pieces(line, trust(site.public / "weir.pem"), "api.openai.com", [b"\r\n" + request])

    with pytest.raises((ConnectionResetError, ssl.SSLError)):
        site.client.within(ask)
    row = site.only("error")
    assert (row["host"], row["inspection"]) == ("api.openai.com", "failed")
    assert site.connections() == []


def test_what_is_neither_tls_nor_http_is_recorded_with_where_it_went(site: Site) -> None:
    def say() -> None:
        with socket.create_connection((HONEST, 443), 10) as line:
            line.sendall(b"\0\1\2\3 no protocol")
            line.recv(100)

    site.client.within(say)
    row = site.only("meter")
    assert (row["host"], row["port"], row["inspection_reason"]) == (HONEST, 443, "not HTTP")


def test_a_host_in_no_catalogue_passes_metered(site: Site) -> None:
    done = site.curl("https://api.stock.example/", ca="world")
    assert done.returncode == 0, done.stderr
    assert site.doubles.only("api.stock.example")
    row = site.only("meter")
    assert (row["host"], row["inspection"], row["inspection_reason"]) == (
        "api.stock.example",
        "metered",
        "uncatalogued",
    )
    assert row["src_ip"] == CLIENT and row["req_bytes"] > 200 and row["resp_bytes"] > 500


def test_a_client_that_does_not_trust_weir_gets_no_connection(site: Site) -> None:
    done = site.curl(MODELS, ca="world")
    assert done.returncode == 60, done
    row = site.only("error")
    assert (row["host"], row["inspection"]) == ("api.openai.com", "pinned")
    assert site.connections() == []


@pytest.mark.parametrize("address", [HONEST, HONEST6])
def test_quic_is_refused_at_once(address: str, site: Site) -> None:
    def send() -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as line:
            line.settimeout(10)
            line.connect((address, 443))
            line.send(b"\xc0" + bytes(1199))
            line.recv(2048)

    with pytest.raises(ConnectionRefusedError):
        site.client.within(send)


def test_a_forged_name_gets_no_key_and_no_reply(site: Site) -> None:
    """The client says that an address is OpenAI's. Who answers there has a certificate that weir trusts, for itself."""
    itself = site.curl("https://evil.example/", to=CROOK, ca="crook")  # uncatalogued: it passes, and the crook is well
    assert " 200" in itself.stdout and len(site.crook) == 1
    site.begin()
    done = site.curl(CHAT, *asks(site), to=CROOK)
    assert " 502" in done.stdout and "x-weir-rule: destination-unproven" in done.stdout, done
    assert "did not prove to be api.openai.com" in done.stdout
    assert site.crook == [b""] or site.crook == []
    row = site.only("response")
    assert (row["rule_id"], row["action"], row["host"]) == ("destination-unproven", "block", "api.openai.com")
    assert row["reason"] == "upstream certificate not trusted" and not row.get("output_tokens")
    assert row["app"] == "e2e"  # who tried


@pytest.mark.parametrize("to", [CROOK, HONEST])
def test_a_name_in_the_clear_gets_no_key(to: str, site: Site) -> None:
    url = CHAT.replace("https:", "http:")
    done = site.curl(url, *asks(site), to=to, port=80)
    assert " 403" in done.stdout and "x-weir-rule: host-mismatch" in done.stdout, done
    row = site.only("block")
    assert (row["rule_id"], row["service"], row["host"]) == ("host-mismatch", "openai", to)
    assert names(row)["names"] == f"{to} api.openai.com"
    assert site.crook == [] and site.doubles.requests() == []


def test_a_name_inside_that_differs_from_the_one_outside_gets_no_key(site: Site) -> None:
    done = site.curl("https://chat.deepseek.com/v1/chat/completions", *asks(site), "-H", "Host: api.openai.com")
    assert " 401" in done.stdout or " 403" in done.stdout, done
    assert site.doubles.requests() == []


def test_connections_are_dealt_in_turn(site: Site) -> None:
    done = site.curl(MODELS, *[MODELS] * 3, "-H", "Connection: close", "--http1.1", "-o", "/dev/null", "-v")
    assert done.returncode == 0
    until(lambda: len(site.records("response")) == 4, "four records")
    each = [
        sum(row["kind"] == "response" and row["exchange_id"] not in site.before for row in w.records())
        for w in site.weirs
    ]
    assert each == [2, 2]


@pytest.mark.parametrize("port", PORTS)
def test_a_workers_port_takes_only_what_is_led_to_it(port: int, site: Site) -> None:
    """weir would take itself for the destination, and connect to itself without end."""
    with pytest.raises(ConnectionRefusedError):
        site.client.within(lambda: socket.create_connection((GATEWAY, port), 10))


def test_the_gateways_own_traffic_is_led_too_but_for_weirs(site: Site) -> None:
    done = site.curl(CHAT, *asks(site), on=site.gateway)
    assert " 200" in done.stdout, done
    assert len(site.connections()) == 1, "weir's own connection went straight up"
    row = site.only("response")
    assert (row["host"], row["inspection"], names(row)["address"]) == ("api.openai.com", "inspected", f"{HONEST}:443")
    who = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    quic = f"exec 3<>/dev/udp/{HONEST}/443; echo x >&3; read -t 10 -u 3 || true; echo x >&3"
    assert "refused" in site.gateway.run(*who, "bash", "-c", quic).stderr
    own = site.gateway.run("bash", "-c", quic + "; echo sent")  # root's goes up, and nobody there speaks QUIC
    assert "sent" in own.stdout or "refused" in own.stderr


def test_what_stands_on_the_gateway_itself_is_left_alone(site: Site) -> None:
    def greet() -> None:
        link, _ = listener.accept()
        link.sendall(b"own service")
        link.close()

    with site.gateway.listen(GATEWAY, 443) as listener:
        threading.Thread(target=greet, daemon=True).start()
        with site.client.within(lambda: socket.create_connection((GATEWAY, 443), 10)) as line:
            assert line.recv(100) == b"own service"


def test_a_redirect_that_takes_weirs_own_connections_too_makes_no_circle(site: Site) -> None:
    """The proxies run as root here, and the rules leave somebody else's traffic alone."""
    try:
        words = ("--ports", ",".join(map(str, PORTS)), "--gateway", "--host", "--user", str(NOBODY))
        site.redirect("up", *words)
        done = site.curl(CHAT, *asks(site))
        assert " 502" in done.stdout and not site.connections(), done
        row = until(lambda: site.records("block"), "the record of what was led back")[0]
        assert (row["rule_id"], row["reason"]) == ("limit", LED_BACK)
        assert len(site.records("block", "error", "response", "request")) < 12
    finally:
        up(site)
    assert " 200" in site.curl(CHAT, *asks(site)).stdout


def test_up_down_and_show(site: Site) -> None:
    def straight() -> bool:
        """Whether the client meets the upstream itself."""
        return site.curl(MODELS, ca="world").returncode == 0

    shown = site.redirect("show")
    assert "redirect to :numgen inc mod 2" in shown.stdout and shown.stderr == ""
    site.gateway.run("nft", "add", "table", "inet", "others")
    assert not straight()
    try:
        for said in ("gone: table inet weir\n", "nothing to remove: there is no table inet weir\n"):
            assert site.redirect("down").stderr == said
        assert straight()
        none = site.redirect("show", check=False)
        assert (none.returncode, none.stdout, none.stderr) == (1, "", "weir redirect: nothing is redirected\n")
        said = site.redirect("up", "--ports", "9999", "--except", f"{HONEST}/32").stderr
        assert "nobody listens on 9999 for other machines" in said and "forwarded" not in said
        assert straight()
    finally:
        assert up(site) == "in force: table inet weir\n"
    assert not straight()
    assert "inet others" in site.gateway.run("nft", "list", "tables").stdout
