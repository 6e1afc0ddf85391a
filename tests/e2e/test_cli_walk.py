"""A person's way through the commands, from the policy to the report, with unmodified programs in between."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.support import ADDRESS, House, access_key, chat_body, command
from harness.doubles import Doubles
from harness.processes import ROOT

pytestmark = pytest.mark.xdist_group("cli_walk")

PROGRAM = f"""
import openai
sdk = openai.OpenAI(max_retries=0)
ask = dict(model="gpt-5-mini", messages=[dict(role="user", content="Ask {ADDRESS}.")])
print(sdk.chat.completions.create(**ask).choices[0].message.content)
for event in sdk.chat.completions.create(**ask, stream=True):
    print(event.choices[0].delta.content or "", end="")
"""
STRAY = ("OPENAI_", "ANTHROPIC_", "SSL_CERT", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NO_PROXY")


@pytest.fixture(scope="module")
def own_house(start_module_house: Callable[..., House]) -> House:
    return start_module_house()


@pytest.fixture
def house(own_house: House, doubles: Doubles) -> House:
    own_house.begin()
    return own_house


def through(house: House, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """``weir exec -- WORDS``, the virtual key in the environment as any program's key would be."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(STRAY)}
    weir = [sys.executable, "-m", "weir.cli", "exec", "--data", str(house.weir.data), "--proxy", house.weir.url]
    return subprocess.run(
        [*weir, "--", *words],
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        env={**clean, "PYTHONPATH": str(ROOT / "addons"), "OPENAI_API_KEY": house.key},
    )


def test_exec_runs_the_openai_sdk_unchanged(house: House) -> None:
    done = through(house, sys.executable, "-c", PROGRAM)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"You said: Ask {ADDRESS}.\nYou said: Ask {ADDRESS}."
    assert all(ADDRESS.encode() not in row.body for row in house.doubles.requests())
    assert len(house.until(2, "response")) == 2


def test_exec_runs_curl_unchanged(house: House, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(chat_body(f"Use {access_key()} for it."))
    script = f'curl -sS -w " %{{http_code}}" -H "Authorization: Bearer $OPENAI_API_KEY" --data-binary @{body} '
    done = through(house, "sh", "-c", script + "https://api.openai.com/v1/chat/completions")
    assert done.returncode == 0, done.stderr
    assert "no-credentials-leave" in done.stdout and done.stdout.endswith(" 400")
    assert house.only()["kind"] == "block"


def test_exec_passes_the_exit_code_on(house: House) -> None:
    assert through(house, "sh", "-c", "exit 7").returncode == 7


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_env_makes_a_shell_go_through(shell: str, house: House) -> None:
    told = command("env", "--data", str(house.weir.data), "--proxy", house.weir.url, "--shell", shell)
    curl = 'curl -sS -o /dev/null -w "%{http_code}" -H "Authorization: Bearer $KEY" https://api.openai.com/v1/models'
    script = f"{told}\n{curl}"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(STRAY)}
    done = subprocess.run(
        [shell, "-c", script], capture_output=True, text=True, timeout=60, env={**clean, "KEY": house.key}
    )
    assert (done.stdout, done.returncode) == ("200", 0), done.stderr
    assert len(house.doubles.requests()) == 1


def test_the_policy_is_sound_and_the_deployment_too(house: House) -> None:
    command("check", str(house.weir.policy))
    words = ["doctor", "--policy", str(house.weir.policy), "--proxy", house.weir.url, "--format", "json"]
    done = house.weir.run(*words, check=False)
    found = json.loads(done.stdout)
    checks = found["checks"] if isinstance(found, dict) else found
    # The real keys are in the proxy's environment alone: how it stands with them, doctor has from the running weir.
    assert not [check for check in checks if check["status"] == "fail"] and done.returncode == 0
    good = {"proxy", "ingester", "chain", "store", "policy", "keys"}
    assert good <= {check["name"] for check in checks if check["status"] == "ok"}
    assert house.key not in done.stdout


def test_what_happened_is_a_query_and_a_report_away(house: House) -> None:
    assert through(house, sys.executable, "-c", PROGRAM).returncode == 0
    with house.client() as http:
        http.post("https://api.deepseek.com/chat/completions", content=chat_body("How high?"))
    ids = {row["exchange_id"] for row in house.until(2, "response")}
    listed = "select exchange_id::varchar from exchanges where ended is not null"
    house.weir.sql(f"{listed} and list_contains(?, exchange_id::varchar)", [list(ids)], rows=2)
    house.weir.sql("select 1 from exchanges where service = 'deepseek'")

    query = "select team, count(*) as n from exchanges where usage_source = 'reported' group by team"
    rows = json.loads(house.weir.run("audit", "sql", query, "--format", "json").stdout)["rows"]
    assert max(row["n"] for row in rows if row["team"] == "finance") >= 2

    spend = json.loads(house.weir.run("report", "spend", "--by", "model", "--format", "json").stdout)["rows"]
    assert any("gpt-5-mini" in line.values() for line in spend)
    table = list(csv.DictReader(io.StringIO(house.weir.run("report", "findings", "--format", "csv").stdout)))
    assert any("pii/EMAIL_ADDRESS" in line.values() for line in table)
    shadow = house.weir.run("report", "shadow-ai", "--since", "1h").stdout
    assert "DeepSeek" in shadow
    assert house.weir.run("audit", "sql", "select nothing", check=False).returncode != 0


def test_the_ca_that_clients_enrol_is_the_one_they_meet(house: House, tmp_path: Path) -> None:
    out = tmp_path / "ca.pem"
    house.weir.run("ca", "show", "--format", "pem", "--out", str(out))
    bundle = tmp_path / "bundle.pem"
    house.weir.run("ca", "bundle", "--out", str(bundle))
    assert out.read_text().strip() in bundle.read_text() and "PRIVATE" not in bundle.read_text()
    for path in (out, bundle):
        curl = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-x", house.weir.url, "--cacert", str(path)]
        done = subprocess.run(
            [*curl, "https://api.openai.com/v1/models"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stdout) == (0, "401"), done.stderr  # the double wants a key
