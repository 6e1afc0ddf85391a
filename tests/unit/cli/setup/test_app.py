"""``weir serve-setup`` as a process: a page in a real browser, and nothing else to be had there."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.browser import chromium
from harness.processes import ROOT
from harness.weir import write_policy
from weir.cli import main
from weir.tls.ca import CaFiles, ensure_ca


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> CaFiles:
    folder = tmp_path_factory.mktemp("data") / "ca"
    folder.mkdir()
    return ensure_ca(folder)


@pytest.fixture(scope="module")
def place(files: CaFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of the page."""
    data, policy = files.key.parents[1], tmp_path_factory.mktemp("policy") / "policy.yaml"
    write_policy(policy, "enforce", intercept__include=["api.orders.example"], intercept__exclude=["api.openai.com"])
    given = [
        "--data",
        str(data),
        "--listen",
        "127.0.0.1:0",
        "--proxy",
        "http://weir.example:8080",
        "--policy",
        str(policy),
    ]
    program = [sys.executable, "-m", "weir.cli", "serve-setup", *given]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "addons")}
    with subprocess.Popen(program, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.readline() + process.stderr.readline()
        assert files.fingerprint in said, said
        yield said.split("http://")[1].split("/")[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def asked(place: str, method: str, target: str, head: str = "") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(place, timeout=60)
    connection.putrequest(method, target, skip_host=bool(head))
    if head:
        connection.putheader("Host", head)
    connection.endheaders()
    reply = connection.getresponse()
    return reply.status, reply.read()


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/weir-ca.key", 404),
        ("GET", "/ca/weir-ca.key", 404),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/%2e%2e/weir-ca.key", 404),
        ("GET", "http://api.openai.com/", 400),
        ("CONNECT", "api.openai.com:443", 400),
        ("POST", "/", 405),
        ("HEAD", "/", 200),
    ],
)
def test_it_proxies_nothing_and_has_no_other_path(place: str, method: str, target: str, status: int) -> None:
    assert asked(place, method, target)[0] == status


def test_what_a_client_calls_it_is_not_on_the_page(place: str) -> None:
    status, body = asked(place, "GET", "/", "evil.example")
    assert status == 200 and b"evil" not in body


def test_the_pac_file_is_of_the_policy(place: str) -> None:
    text = asked(place, "GET", "/proxy.pac")[1].decode()
    through, past = (line for line in text.splitlines() if line.startswith(("var through", "var past")))
    assert '"api.orders.example":1' in through and '"api.anthropic.com":1' in through
    assert past == 'var past = {"exact":{"api.openai.com":1},"below":{},"like":{}};'


@pytest.mark.needs("chromium")
@pytest.mark.needs("chromedriver")
@pytest.mark.needs("certutil")
def test_a_browser_shows_it_on_a_phone_and_on_a_desk(place: str, files: CaFiles, tmp_path: Path) -> None:
    with chromium(tmp_path) as browser:
        for scheme, width in (("light", 1100), ("dark", 360)):
            browser.prefer(scheme)
            browser.resize(width, 800, phone=width < 400)
            browser.open(f"http://{place}/")
            browser.run("for (const one of document.querySelectorAll('details')) one.open = true")
            assert browser.problems() == [] and browser.asked() == []
            assert browser.run("return document.documentElement.scrollWidth") <= width, "nothing stands over"
            shown = browser.run("return document.querySelector('.finger').textContent")
            assert shown.replace(" ", ":") == files.fingerprint
        dark = browser.run("return getComputedStyle(document.body).backgroundColor")
        assert dark == "rgb(18, 23, 28)"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--listen", "nowhere"], "HOST:PORT"),
        (["--proxy", "http://ann:secret@weir.example:8080"], "without credentials"),
        (["--proxy", "socks5://weir.example:1080"], "without credentials"),
        (["--ca", "/none.pem"], "cannot be read"),
    ],
)
def test_what_it_cannot_start_with(
    arguments: list[str], said: str, files: CaFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve-setup", "--data", str(files.key.parents[1]), *arguments]) in (1, 2)
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1 and "secret" not in told


def test_without_a_ca_nothing_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve-setup", "--data", str(tmp_path / "none")]) == 1
    assert "weir run makes the CA" in capsys.readouterr().err and not (tmp_path / "none").exists()
