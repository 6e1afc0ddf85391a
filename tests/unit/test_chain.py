"""THE order of the chain, and what one policy file becomes."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.rig import Rig
from unit.usage.test_snapshots import price_list
from weir import chain, settings
from weir.audit.spool.waiters import SpoolUnavailable
from weir.datadir import DataDir, DataDirError
from weir.dlp.core import compiled
from weir.identity import users
from weir.identity.sources import SourceDown
from weir.model import Principal, Usage
from weir.tls.ca import CaError
from weir.usage.snapshots import keep

POLICY = """
version: 1
intercept: {scope: catalogued, include: [hidden.example], exclude: [api.anthropic.com]}
identity: {networks: [{cidr: 10.0.0.0/8, team: finance}]}
keys:
  openai: {secret: "env:WEIR_TEST_KEY"}
  anthropic: {secret: "env:WEIR_TEST_KEY", hosts: [gateway.example]}
  google-gemini: {secret: "env:WEIR_TEST_NO_SUCH_KEY"}
limits: {drain_s: 7}
"""


@pytest.fixture
def addons(tmp_path: Path) -> tuple[list[Any], list[Any]]:
    return chain.chain(Rig(tmp_path).state, {})


def test_the_order(addons: tuple[list[Any], list[Any]]) -> None:
    first, rest = addons
    assert [a.name for a in first] == ["drain", "forgetting"]
    assert [a.name for a in rest] == [
        "resolve", "doors", "destinations", "begin", "handshakes", "tls", "identity", "coach", "providers", "managed",
        "shadow", "dlp", "policy", "sockets", "tenants", "keyholders", "limits", "usage", "settlement", "keys",
        "routing", "permits", "connections", "disk", "audit",
    ]  # fmt: skip


def test_every_line_has_its_reason() -> None:
    source = inspect.getsource(chain.chain)
    made = [line for line in source.splitlines() if line.strip()[:1].isupper() and "(" in line]
    assert made and all("#" in line for line in made)


def test_every_addon_of_the_package_stands_in_the_chain(addons: tuple[list[Any], list[Any]]) -> None:
    folders = {path.parent.name for path in Path(chain.__file__).parent.glob("*/addon.py")}
    held = {type(a).__module__.split(".")[1] for a in addons[1] if type(a).__module__.endswith(".addon")}
    assert held == folders


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("WEIR_TEST_KEY", "the-real-key")
    monkeypatch.delenv("WEIR_TEST_NO_SUCH_KEY", raising=False)
    state = chain.build_state(settings.loads(POLICY), DataDir(tmp_path / "data"))
    yield state
    state.workers.close()
    state.company.refresher.close()


def test_a_policy_becomes_a_snapshot(built: Any, tmp_path: Path) -> None:
    snapshot = built.snapshot
    assert set(snapshot.secrets) == {"openai", "anthropic", "google-gemini"}
    assert set(snapshot.secret_problems) == {"google-gemini"}, (
        "one without a value now: it is asked for again and again"
    )
    assert snapshot.secrets["openai"].pick("api.openai.com").secret.reveal() == "the-real-key"
    assert not snapshot.secrets["anthropic"].pick("api.anthropic.com")  # bound to what the policy names
    assert snapshot.secrets["anthropic"].pick("gateway.example")
    assert not snapshot.secrets["google-gemini"].pick("generativelanguage.googleapis.com")
    assert "the-real-key" not in repr(snapshot.secrets) + repr(snapshot.secret_problems)
    assert "WEIR_TEST_NO_SUCH_KEY" in snapshot.secret_problems["google-gemini"]
    assert snapshot.sources.networks.lookup("10.1.1.1") == Principal(team="finance", method="network", strength=1)
    decisions = {
        host: snapshot.interception.decide(host, host, "").intercept
        for host in ("api.openai.com", "hidden.example", "api.anthropic.com", "chat.deepseek.com", "shop.example")
    }
    assert decisions == {
        "api.openai.com": True, "hidden.example": True, "api.anthropic.com": False, "chat.deepseek.com": True,
        "shop.example": False,
    }  # fmt: skip
    assert built.drain_s == 7 and built.snapshot.sources.users is None


def test_prices_are_the_policys_then_a_vetted_list_then_the_bundled_one(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("version: 1\nprices: [{provider: house, model: m, input: 1, output: 1}]")
    policy = settings.loads("version: 1\nusage: {prices: own.yaml}", base=tmp_path)
    data, now = DataDir(tmp_path / "data"), datetime.now(UTC)
    bundled = chain.prices_of(settings.loads("version: 1"), data)
    assert bundled.cost("house", "m", Usage(1, 1), now).nano_usd is None
    assert bundled.public.name.startswith("genai-prices-0.")
    _, vetted = keep(data.prices, price_list(), now)
    built = chain.prices_of(policy, data)  # as a reload does
    assert built.cost("house", "m", Usage(1, 1), now).nano_usd == 2000
    assert built.public.name == vetted.name
    (tmp_path / "own.yaml").write_text("version: 1\nprices: [{}]")
    with pytest.raises(chain.UNUSABLE, match=r"own\.yaml:2: "):
        chain.prices_of(policy, data)


def test_a_restart_finds_what_it_made(built: Any, tmp_path: Path) -> None:
    again = chain.build_state(settings.loads(POLICY), DataDir(tmp_path / "data"))
    assert again.authority.certificate == built.authority.certificate
    assert again.fingerprint_key == built.fingerprint_key and again.boot_id != built.boot_id
    again.workers.close()
    for path in (tmp_path / "data").rglob("*key*"):
        if path.is_file() and path.suffix != ".crt":
            assert path.stat().st_mode & 0o077 == 0, path


def test_a_restart_compiles_nothing(built: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = sorted((tmp_path / "data" / "compiled").iterdir())
    assert kept and all(file.stat().st_mode & 0o077 == 0 for file in kept)
    monkeypatch.setattr(compiled, "_in_use", {})
    monkeypatch.setattr(compiled, "_compile", lambda expressions: pytest.fail("compiled again"))
    again = chain.build_state(settings.loads(POLICY), DataDir(tmp_path / "data"))
    assert again.snapshot.engine.detectors == built.snapshot.engine.detectors
    again.workers.close()


def test_what_building_raises_is_told_as_a_sentence(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(chain.UNUSABLE):
        chain.build_state(settings.loads(POLICY), DataDir(open_to_all))
    assert {DataDirError, CaError} <= set(chain.UNUSABLE)
    assert not issubclass(SpoolUnavailable, chain.UNUSABLE)


def test_limits_of_a_policy_are_in_its_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = DataDir(tmp_path / "data")
    made = chain.build_snapshot(settings.loads("version: 1\nbudgets: [{usd: 1, per: day}]"), data)
    assert made.limits is not None and made.limits.ledger == data.path / "limits.db"
    assert not (data.path / "limits.db").exists(), "opened when first needed"
    monkeypatch.delenv("WEIR_TEST_NO_SUCH_URL", raising=False)
    text = 'version: 1\nrates: [{requests: 1}]\nstores: {rates: "env:WEIR_TEST_NO_SUCH_URL"}'
    with pytest.raises(chain.UNUSABLE, match=r"stores\.rates: "):
        chain.build_snapshot(settings.loads(text), data)


def test_the_next_policy_takes_over_what_is_known_of_callers(tmp_path: Path) -> None:
    users.add(tmp_path / "users", "jane", "correct horse", work=users.Work(10, 1, 1))
    text = f"version: 1\nidentity: {{users: {tmp_path / 'users'}}}"
    state = chain.build_state(settings.loads(text), DataDir(tmp_path / "data"))
    assert state.snapshot.sources.passwords.verify("jane", "correct horse")
    for number in range(9):
        state.throttle.failed("10.0.0.1", "jane", float(number))
    after = chain.rebuild(state, settings.loads(text + "\nmode: enforce"))
    header = "Basic amFuZTpjb3JyZWN0IGhvcnNl"
    said = after.desk.quick(header, "10.0.0.1")
    assert said and said.answer.principal and said.answer.principal.user == "jane"
    assert after.desk._throttle is state.throttle
    state.workers.close()
    state.company.refresher.close()


def test_a_password_of_weirs_own_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_TEST_KEY", "of-the-directory")
    assert chain._reveal("env:WEIR_TEST_KEY") == "of-the-directory"
    monkeypatch.delenv("WEIR_TEST_KEY")
    with pytest.raises(SourceDown, match="weir's own password for the directory cannot be had"):
        chain._reveal("env:WEIR_TEST_KEY")
