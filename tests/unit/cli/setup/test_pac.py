"""The PAC file in a JavaScript engine: it sends to weir what the policy decrypts, and nothing round it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence

import pytest

from weir.cli.setup.pac import Hosts, pac
from weir.tls.decide import HostSet, normalise

NODE = pytest.mark.needs("node")
PROXY = "PROXY weir.example:8080"
THROUGH = (
    "api.openai.com", "*.claude.ai", "bedrock-runtime.*.amazonaws.com", "*-aiplatform.googleapis.com",
    "bücher.example", "a.*.b.*.example.net", "constructor", "203.0.113.9",
)  # fmt: skip
PAST = ("status.claude.ai", "*.quiet.example")


def chosen(text: str, hosts: Sequence[str]) -> list[str]:
    """What ``FindProxyForURL`` says of each host, in a context that has nothing of node's."""
    program = (
        "const vm = require('vm'), [text, hosts] = JSON.parse(require('fs').readFileSync(0));"
        "const box = vm.createContext(Object.create(null)); vm.runInContext(text, box);"
        "console.log(JSON.stringify(hosts.map(h => vm.runInContext("
        "`FindProxyForURL('https://x/', ${JSON.stringify(h)})`, box))))"
    )
    done = subprocess.run(["node", "-e", program], input=json.dumps([text, hosts]).encode(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    said: list[str] = json.loads(done.stdout)
    return said


@NODE
def test_it_chooses_as_the_policy_decides() -> None:
    hosts = [
        "api.openai.com", "API.OpenAI.com.", "eu.api.openai.com", "openai.com", "apixopenai.com",
        "claude.ai", "x.claude.ai", "a.b.claude.ai", "status.claude.ai",
        "bedrock-runtime.eu-west-1.amazonaws.com", "bedrock-runtime.a.b.amazonaws.com",
        "xbedrock-runtime.eu-west-1.amazonaws.com",
        "europe-aiplatform.googleapis.com", "x.europe-aiplatform.googleapis.com",
        "xn--bcher-kva.example", "a.1.b.2.example.net", "a.1.c.2.example.net", "203.0.113.9", "203.0.113.90",
        "__proto__.example", "tostring.valueof", "prototype.constructor", "a.constructor",
    ]  # fmt: skip
    through, past = HostSet(THROUGH), HostSet(PAST)
    wanted = [PROXY if normalise(host) in through and normalise(host) not in past else "DIRECT" for host in hosts]
    assert wanted.count(PROXY) == 9
    assert chosen(pac("weir.example:8080", Hosts(THROUGH, PAST)), hosts) == wanted


@NODE
def test_all_but_this_machine_and_what_is_excluded() -> None:
    hosts = [
        "www.news.example",
        "x.quiet.example",
        "localhost",
        "intranet",
        "127.0.0.1",
        "::1",
        "2001:db8::1",
        "12.7.0.1",
    ]
    said = chosen(pac("[2001:db8::5]:8443", Hosts(past=PAST, all=True), tls=True), hosts)
    proxy = "HTTPS [2001:db8::5]:8443"
    assert said == [proxy, "DIRECT", "DIRECT", "DIRECT", "DIRECT", "DIRECT", proxy, proxy]


def test_there_is_no_way_round_when_weir_is_away_and_no_new_javascript() -> None:
    text = pac("weir.example:8080", Hosts(THROUGH, PAST))
    assert "; DIRECT" not in text and text.isascii()
    assert not any(word in text for word in ("const ", "let ", "=>", "`"))


@pytest.mark.parametrize("place", ["weir.example", '";alert(1)//:80', "a b:80", "x:8080\n", ""])
def test_a_place_that_is_none_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        pac(place, Hosts())


def test_a_pattern_that_no_policy_could_have_is_refused() -> None:
    with pytest.raises(ValueError, match="too wide"):
        pac("weir.example:8080", Hosts(("api.*",)))
