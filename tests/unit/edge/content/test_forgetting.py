"""What another process erased leaves this one's memory and its vault."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.rig import ADDRESS, Rig, chat
from weir.audit.content.keystore import KeyStore
from weir.audit.record import now_us
from weir.dlp.standins.conversations import Conversations
from weir.dlp.standins.vault import Vault
from weir.edge.content.forgetting import Forgetting


@pytest.fixture
def told(make_rig: Callable[..., Rig], tmp_path: Path) -> Callable[..., Any]:
    """A rig that was told an address, its conversation and the vault."""

    def make(**principal: Any) -> tuple[Rig, str, Vault]:
        rig = make_rig(dlp={"pseudonyms": {"keep": True}}, **principal)
        vault = Vault(tmp_path / "pseudonyms.db", lambda: b"k" * 32)
        rig.state.conversations = Conversations(b"p" * 32, vault=vault)
        trace = rig.play(rig.flow(chat(f"Write to {ADDRESS}")), "requestheaders", "request")
        vault.flush(5)
        assert vault.get(trace.conversation, 3600) and len(rig.state.conversations) == 1
        return rig, trace.conversation, vault

    return make


async def looked(rig: Rig, erase: Callable[[KeyStore], object]) -> list[int]:
    watch = Forgetting(rig.state)
    await watch.running()
    store = KeyStore(rig.state.data.path / "content")
    found = [await watch.look()]
    erase(store)
    found += [await watch.look(), await watch.look()]
    await watch.done()
    return found


def test_a_conversation_that_was_erased_is_forgotten(told: Callable[..., Any]) -> None:
    rig, conversation, vault = told()
    assert asyncio.run(looked(rig, lambda store: store.erase("conversation", conversation, now_us()))) == [0, 1, 0]
    assert len(rig.state.conversations) == 0 and vault.get(conversation, 3600) is None


def test_a_user_has_conversations(told: Callable[..., Any]) -> None:
    rig, conversation, vault = told()
    rig.state.talks.note(conversation, "anna")
    assert asyncio.run(looked(rig, lambda store: store.erase("user", "bob", now_us()))) == [0, 0, 0]
    assert vault.get(conversation, 3600)
    assert asyncio.run(looked(rig, lambda store: store.erase("user", "anna", now_us()))) == [0, 1, 0]
    assert len(rig.state.conversations) == 0 and vault.get(conversation, 3600) is None


def test_what_was_erased_before_the_start_is_no_news(told: Callable[..., Any]) -> None:
    rig, conversation, vault = told()
    KeyStore(rig.state.data.path / "content").erase("conversation", conversation, now_us())
    assert asyncio.run(looked(rig, lambda store: None)) == [0, 0, 0]
    assert vault.get(conversation, 3600)


def test_it_looks_by_itself(told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from weir.edge.content import forgetting

    monkeypatch.setattr(forgetting, "LOOK_S", 0.01)
    rig, conversation, _ = told()

    async def wait() -> None:
        watch = Forgetting(rig.state)
        await watch.running()
        KeyStore(rig.state.data.path / "content").erase("conversation", conversation, now_us())
        async with asyncio.timeout(60):
            while len(rig.state.conversations):  # noqa: ASYNC110  another thread forgets
                await asyncio.sleep(0.01)
        await watch.done()

    asyncio.run(wait())
