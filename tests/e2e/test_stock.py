"""The same chain under stock mitmdump: ``mitmdump -s addons/main.py``, fail-closed there too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.raw import Reply, open_line, post
from e2e.support import ADDRESS, STAND_IN, access_key, chat_body, issue
from harness.doubles import Doubles
from harness.processes import ROOT, Process, until
from harness.weir import Weir, write_policy

pytestmark = pytest.mark.xdist_group("stock")

HOST = "api.openai.com"
BREAK = """
from weir.policy import decide

def broken(self, case):
    raise RuntimeError

decide.Policy.decide = broken
"""


class Stock(Weir):
    """mitmdump with the chain in it; what ``Weir`` reads from the data directory is the same."""

    def __init__(self, folder: Path, policy: Path, doubles: Doubles, *scripts: Path) -> None:
        self.folder, self.policy, self.data, self.host = folder, policy, folder / "data", "127.0.0.1"
        self._read = {}
        self.key = issue(self.data)
        settings = [f"weir_policy={policy}", f"weir_data={self.data}", f"confdir={folder / 'mitm'}"]
        settings += ["listen_host=127.0.0.1", "listen_port=0", f"ssl_verify_upstream_trusted_ca={doubles.ca}"]
        code = "import sys; from mitmproxy.tools.main import mitmdump; sys.exit(mitmdump())"
        arguments = ["-c", code, *(word for path in (ROOT / "addons/main.py", *scripts) for word in ("-s", str(path)))]
        arguments += [word for setting in settings for word in ("--set", setting)]
        keys = {f"{kind.upper()}_API_KEY": key for kind, key in doubles.keys.items()}
        self.process = Process("mitmdump", arguments, folder, keys)


@pytest.fixture
def start(artefacts: Path, doubles: Doubles) -> Iterator[Callable[..., Stock]]:
    started: list[Stock] = []

    def begin(base: str = "enforce", *scripts: Path) -> Stock:
        stock = Stock(
            artefacts,
            write_policy(artefacts / "policy.yaml", base, destinations={"except": ["127.0.0.0/8"]}),
            doubles,
            *scripts,
        )
        started.append(stock)
        said = until(lambda: _listening(stock), "mitmdump to listen")
        stock.port = int(said)
        stock.url = f"http://127.0.0.1:{stock.port}"
        return stock

    yield begin
    for stock in started:
        stock.stop()


def _listening(stock: Stock) -> str:
    assert stock.process.running, stock.process.tail()
    words = stock.process.output().partition("listening at ")[2].split("\n")[0]
    return words.rpartition(":")[2].strip(" .*")


def ask(stock: Stock, doubles: Doubles, text: str) -> Reply:
    with open_line(stock.url, f"127.0.0.1:{doubles.tls_h1}", stock.ca, sni=HOST) as line:
        line.send(post(HOST, "/v1/chat/completions", chat_body(text), stock.key))
        return line.reply()


def test_the_chain_does_the_same(start: Callable[..., Stock], doubles: Doubles) -> None:
    stock = start()
    reply = ask(stock, doubles, f"Ask {ADDRESS}.")
    assert reply.status == 200 and ADDRESS.encode() in reply.body
    got = doubles.only()
    assert STAND_IN.encode() in got.body and doubles.keys["openai"] in got.header("authorization")
    secret = access_key()
    refused = ask(stock, doubles, f"Use {secret} for it.")
    assert refused.status == 400 and b"no-credentials-leave" in refused.body
    assert len(doubles.requests()) == 1
    rows = stock.sql("select kind, verdict, usage_source from exchanges where ended is not null order by 1", rows=2)
    assert rows == [("block", "block", None), ("response", "pseudonymise", "reported")]
    assert secret not in stock.process.output() and stock.key not in stock.process.output()


def test_a_crash_in_the_chain_is_a_refusal(start: Callable[..., Stock], doubles: Doubles, tmp_path: Path) -> None:
    script = tmp_path / "breaks.py"
    script.write_text(BREAK)
    stock = start("enforce", script)
    assert ask(stock, doubles, "How high?").status == 503
    assert doubles.requests() == []
    (block,) = [row for row in stock.records() if row["kind"] == "block"]
    assert (block["inspection"], block["rule_id"], block["action"]) == ("failed", "on-failure", "block")


def test_without_a_usable_policy_nothing_is_served(artefacts: Path, doubles: Doubles) -> None:
    policy = artefacts / "policy.yaml"
    policy.write_text("version: 1\nmode: enforced\n")
    stock = Stock(artefacts, policy, doubles)
    assert stock.process.wait() == 1
    assert "policy.yaml" in stock.process.output() and "listening" not in stock.process.output()
    stock.kill()
