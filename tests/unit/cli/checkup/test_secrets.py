"""Checks of the company's keys, here and as a running weir tells; none of them shows a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from weir.cli.checkup import secrets
from weir.keys.backends import SecretUnavailable
from weir.keys.secrets import yields
from weir.keys.virtual import new_key
from weir.settings import Settings, loads

SECRET = "".join(["s3cret", "-", "value"])


def read(text: str, base: Path | None = None) -> Settings:
    return loads(f"version: 1\n{text}\n", base=base)


def test_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WEIR_TEST_KEY", SECRET)
    monkeypatch.delenv("WEIR_TEST_NONE", raising=False)
    file = tmp_path / "key"
    file.write_text(SECRET)
    file.chmod(0o644)
    results = secrets.keys(
        read(
            'keys:\n  openai: {secret: "env:WEIR_TEST_KEY"}\n  anthropic: {secret: "env:WEIR_TEST_NONE"}\n'
            f'  groq: {{secret: "file:{file}"}}\n'
            '  inhouse: {secret: "env:WEIR_TEST_KEY", hosts: [llm.corp.example]}\n'
            '  nowhere: {secret: "env:WEIR_TEST_KEY"}'
        )
    )
    told = {result.detail.removeprefix("keys.").partition(":")[0]: result for result in results}
    assert {name: result.status for name, result in told.items()} == {
        "openai": "ok", "anthropic": "warn", "groq": "warn", "inhouse": "ok", "nowhere": "warn",
    }  # fmt: skip
    assert "llm.corp.example" in told["inhouse"].detail
    assert "where weir starts" in told["anthropic"].remedy and "add the hosts" in told["nowhere"].remedy
    assert told["groq"].remedy == "run the chmod that it names" and f"chmod 600 {file}" in told["groq"].detail
    assert SECRET not in repr(results)


def test_no_key_at_all_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEIR_TEST_NONE", raising=False)
    settings = read('keys: {openai: {secret: "env:WEIR_TEST_NONE"}, groq: {secret: "env:WEIR_TEST_NONE"}}')
    assert [result.status for result in secrets.keys(settings)] == ["fail", "fail"]


def test_a_virtual_key_is_no_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    virtual = new_key()
    monkeypatch.setenv("WEIR_TEST_KEY", virtual)
    (result,) = secrets.keys(read('keys: {openai: {secret: "env:WEIR_TEST_KEY"}}'))
    assert (result.status, "virtual key" in result.detail, "real key" in result.remedy) == ("fail", True, True)
    assert virtual not in repr(result)


def test_keys_of_every_form_and_several_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_TEST_KEY", SECRET)
    monkeypatch.setenv("WEIR_TEST_AWS", json.dumps({"AccessKeyId": "AKIA", "SecretAccessKey": SECRET}))
    monkeypatch.setenv("WEIR_TEST_GOOGLE", json.dumps({"token_uri": "https://evil.example", "private_key": SECRET}))
    results = secrets.keys(
        read(
            'keys:\n  openai: {secrets: [{secret: "env:WEIR_TEST_KEY"}, {secret: "env:WEIR_TEST_NONE"}]}\n'
            '  aws-bedrock: {secret: "env:WEIR_TEST_AWS", form: aws}\n'
            '  google-vertex: {secret: "env:WEIR_TEST_GOOGLE", form: google}'
        )
    )
    assert {result.detail.removeprefix("keys.").partition(":")[0]: result.status for result in results} == {
        "openai-1": "ok", "aws-bedrock": "ok", "openai-2": "warn", "google-vertex": "warn",
    }  # fmt: skip
    assert SECRET not in repr(results)


def test_a_running_weir_knows_better(tmp_path: Path) -> None:
    settings = read('keys: {openai: {secret: "env:WEIR_TEST_NONE"}}')
    assert secrets.told(tmp_path) is None
    (tmp_path / "run").mkdir()
    one = {"name": "", "state": "fresh", "expires": "", "failing_since": "", "refused": False, "problem": ""}
    down = {"failing_since": "2026-11-21T10:00:00+00:00", "problem": "Vault is sealed", "refused": False}
    rows = [
        one | {"name": "openai"},
        one | {"name": "groq"},
        one | down | {"name": "mistral", "state": "stale", "expires": "2026-11-22T10:00:00+00:00"},
        one | down | {"name": "cohere", "state": "expired", "refused": True},
    ]
    found = {"secrets": rows, "resting": [{"name": "groq", "status": 401}], "problems": ["keys.x: no hosts"]}
    (tmp_path / "run" / "secrets.json").write_text(json.dumps(found))
    results = secrets.keys(settings, secrets.told(tmp_path))
    assert [(result.status, result.detail.partition(":")[0]) for result in results] == [
        ("ok", "openai"), ("warn", "groq"), ("warn", "mistral"), ("warn", "cohere"), ("warn", "keys.x"),
    ]  # fmt: skip
    assert "401" in results[1].detail and "stale since 2026-11-21" in results[2].detail
    assert "until 2026-11-22" in results[2].detail and "sealed" in results[2].detail
    assert "access" in results[3].remedy and "backend" in results[2].remedy
    (result,) = secrets.keys(settings, {"secrets": [rows[3]]})
    assert result.status == "fail", "none of them can be had"
    assert secrets.keys(read("mode: observe"), found) == []


@pytest.mark.parametrize(
    ("reference", "remedy"),
    [
        ("env:no name", "write the reference"),
        ("vault:x", "write the reference"),
        ("file:/nowhere/at/all", "put it there"),
        ("exec:/nowhere/at/all", "mend the command"),
        ("exec:/bin/false", "run the command by hand"),
        ("vault:kv/openai#key", "set it as it says"),
    ],
)
def test_each_kind_of_trouble_has_its_own_remedy(reference: str, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VAULT_ADDR", raising=False)
    with pytest.raises(SecretUnavailable) as raised:
        yields(reference)
    assert secrets.remedy(str(raised.value), refused=raised.value.refused).startswith(remedy), str(raised.value)


def test_a_backend_that_is_down_and_one_that_says_no() -> None:
    assert secrets.remedy("Vault's kv/x: Vault cannot be reached (ConnectTimeout)").startswith("bring the backend back")
    refused = secrets.remedy("Vault's kv/x: Vault refuses it (403)", refused=True)
    assert refused == "mend the reference, or give weir access to it again"
    told = "the secret x of Secrets Manager: cannot be asked for (NoRegionError); set AWS_DEFAULT_REGION"
    assert secrets.remedy(told).startswith("set it as it says")
