"""``weir doctor``: the whole examination of a deployment, from a missing one to a sound one."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from weir.settings import load

NAMES = {
    "python", "mitmproxy", "hyperscan", "presidio", "clock", "key log", "data", "ca", "tokenizers", "policy", "spool",
    "chain", "ingester", "store", "records", "running", "proxy", "checkpoints",
}  # fmt: skip


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text('version: 1\nkeys: {openai: {secret: "env:WEIR_TEST_OPENAI"}}\n')
    return path


def test_before_the_first_start_nothing_has_failed_and_nothing_is_made(weir, tmp_path: Path) -> None:
    done = weir("doctor", "--data", tmp_path / "data", "--format", "json")
    told = json.loads(done.out)
    assert (done.code, told["ok"]) == (0, True)
    assert {check["name"] for check in told["checks"]} == NAMES
    assert all(set(check) == {"name", "status", "detail", "remedy"} for check in told["checks"])
    assert all(bool(check["remedy"]) == (check["status"] != "ok") for check in told["checks"])
    missing = {check["name"] for check in told["checks"] if check["status"] == "warn"} - {"tokenizers", "proxy"}
    assert missing == {"data", "ca", "running", "spool", "chain", "ingester", "store", "records", "checkpoints"}
    assert "which need not be what your weir runs with" in done.out
    assert not (tmp_path / "data").exists()


def test_a_deployment_in_use(weir, store: Path, policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "".join(["real", "-", "value", "-", "5150"])
    monkeypatch.setenv("WEIR_TEST_OPENAI", secret)
    monkeypatch.setattr("weir.places.shared_tokenizers", lambda: store / "nothing here")
    weir("ca", "show", "--data", store)
    done = weir("doctor", "--data", store, "--policy", policy, "--format", "json")
    status = {check["name"]: check["status"] for check in json.loads(done.out)["checks"]}
    assert done.code == 0
    assert status.pop("proxy") in ("ok", "warn")  # something of the machine's may listen on the default address
    assert status == dict.fromkeys((NAMES | {"keys"}) - {"proxy"}, "ok") | {
        "tokenizers": "warn", "running": "warn", "checkpoints": "warn",
    }  # fmt: skip
    people = weir("doctor", "--data", store, "--policy", policy)
    for output in (done.out, done.err, people.out, people.err):
        assert secret not in output


def test_what_fails_is_named_with_its_remedy_and_exits_1(weir, store: Path, policy: Path) -> None:
    done = weir("doctor", "--data", store, "--policy", policy)
    assert done.code == 1
    text = " ".join(done.out.split())
    assert "the environment variable WEIR_TEST_OPENAI is not set" in text
    assert "→ run weir doctor where weir starts" in text
    assert "1 to repair" in text
    assert all(len(line) <= 80 and line == line.rstrip() for line in done.out.splitlines())


def test_a_named_proxy_must_answer(weir, tmp_path: Path) -> None:
    assert weir("doctor", "--data", tmp_path / "data", "--proxy", "127.0.0.1:1").code == 1
    done = weir("doctor", "--data", tmp_path / "data", "--proxy", "http://ann:hunter2@nowhere")
    assert (done.code, done.out) == (2, "")
    assert "hunter2" not in done.err


def test_a_running_weir_is_asked_where_it_listens_and_by_its_own_policy(
    weir, store: Path, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIR_TEST_OPENAI", "".join(["real", "-", "value"]))
    weir("ca", "show", "--data", store)
    (store / "run").mkdir(mode=0o700, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as server:
        told = {
            "pid": os.getpid(), "policy": str(policy), "policy_hash": load(policy).hash,
            "listen": [["0.0.0.0", server.getsockname()[1]]], "started": 1,
        }  # fmt: skip
        (store / "run" / "weir.json").write_text(json.dumps(told))
        done = weir("doctor", "--data", store, "--format", "json")
        checks = {check["name"]: check for check in json.loads(done.out)["checks"]}
        assert done.code == 0
        assert checks["running"]["status"] == checks["policy"]["status"] == checks["proxy"]["status"] == "ok"
        assert checks["policy"]["detail"].startswith(str(policy)) and "running weir's" in checks["policy"]["detail"]
        assert checks["proxy"]["detail"] == f"127.0.0.1:{server.getsockname()[1]} answers"
        policy.write_text(policy.read_text() + "mode: enforce\n")
        assert "is not what weir started with" in weir("doctor", "--data", store, "--format", "json").out
    done = weir("doctor", "--data", store, "--format", "json")
    status = {check["name"]: check["status"] for check in json.loads(done.out)["checks"]}
    assert (done.code, status["proxy"]) == (1, "fail"), "it says that it listens there"


def test_taken_evidence_is_no_good_deployment(weir, store: Path) -> None:
    (path,) = (store / "spool").glob("*.jsonl")
    path.unlink()
    done = weir("doctor", "--data", store)
    assert done.code == 1
    assert "weir-test-boot1: the spool's files are gone; the store has 4 of the rows" in " ".join(done.out.split())
