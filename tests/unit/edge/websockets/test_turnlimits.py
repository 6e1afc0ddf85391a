"""Turns of a socket: which messages begin and end them, what each holds, and what is settled of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.limited import Limited
from harness.rig import Rig
from harness.talking import Talk, during
from weir.edge.trace import Trace

CREATE = b'{"type": "response.create"}'


@pytest.fixture
def talk(make_rig: Callable[..., Rig], tmp_path: Path) -> Callable[..., Talk]:
    def make(*, down: bool = False, **sections: Any) -> Talk:
        given = {"budgets": [{"tokens": 100, "per": "day"}], "stores": {"output_tokens": 30}} | sections
        return Talk(Limited(make_rig(**given), tmp_path, down=down))

    return make


def test_each_turn_holds_and_settles_its_own(talk: Callable[..., Talk]) -> None:
    one = talk()

    async def body(trace: Trace) -> None:
        await one.say(CREATE)
        assert 30 <= (await one.limits.standing()).reserved <= 40
        await one.done(7, 5)
        assert trace.turns is not None and trace.turns.context == 12
        now = await one.limits.standing()
        assert (now.spent, now.reserved) == (12, 0)
        await one.say(CREATE)
        assert (await one.limits.standing()).reserved >= 42, "what the provider keeps is part of the next prompt"
        await one.done(20, 5)
        await one.done(3, 1)  # by itself, as when somebody has spoken
        await one.close()
        assert (await one.limits.standing()).spent == 12 + 25 + 4

    during(one, body)


def test_a_turn_without_room_is_answered_and_goes_no_further(talk: Callable[..., Talk]) -> None:
    one = talk(budgets=[{"tokens": 20, "per": "day"}])

    async def body(trace: Trace) -> None:
        message = await one.say(CREATE)
        assert message.dropped and not trace.abort and trace.socket is not None
        (back,) = trace.socket.take_back()
        told = json.loads(back)
        assert (told["type"], told["status"], told["error"]["code"]) == ("error", 429, "budget")
        assert trace.socket.take_back() == ()
        await one.close()

    during(one, body)
    (row,) = (one for one in one.limits.rig.records if one.kind == "message")
    assert (row.action, row.rule_id) == ("block", "budget")
    assert one.limits.rig.records[-1].verdict == "block"


def test_observing_lets_it_pass_and_charges_it(talk: Callable[..., Talk]) -> None:
    one = talk(mode="observe", budgets=[{"tokens": 20, "per": "day"}])

    async def body(_: Trace) -> None:
        assert not (await one.say(CREATE)).dropped
        await one.done(17, 5)
        assert (await one.limits.standing()).spent == 22

    during(one, body)
    assert [r.action for r in one.limits.rig.records if r.kind == "message" and r.rule_id == "budget"] == ["allow"]


def test_a_downgrade_changes_the_message(talk: Callable[..., Talk]) -> None:
    one = talk(budgets=[{"tokens": 20, "per": "day", "downgrade": {"gpt-5": "gpt-5-nano"}}])

    async def body(trace: Trace) -> None:
        message = await one.say(b'{"type":"response.create",  "model":"gpt-5"}')
        assert message.content == b'{"type":"response.create",  "model":"gpt-5-nano"}'
        assert trace.socket is not None and (trace.model_asked, trace.socket.model) == ("gpt-5", "gpt-5-nano")
        await one.done(1, 1)
        refused = await one.say(CREATE)
        assert refused.dropped, "a message that names no model can't be changed"

    during(one, body)


@pytest.mark.parametrize(
    "forbids",
    [
        {"rules": [{"id": "no-nano", "if": {"model": "*-nano"}, "then": "block", "say": "No."}]},
        {"identity": {"permissions": [{"id": "large", "models": ["gpt-5", "gpt-realtime*"]}]}},
    ],
    ids=["rule", "permission"],
)
def test_a_model_that_policy_forbids_is_no_way_out(talk: Callable[..., Talk], forbids: dict[str, Any]) -> None:
    budget = {"tokens": 20, "per": "day", "downgrade": {"gpt-5": "gpt-5-nano"}}
    one = talk(budgets=[budget], **forbids)

    async def body(trace: Trace) -> None:
        assert (await one.say(b'{"type":"response.create", "model":"gpt-5"}')).dropped and not trace.model_asked
        now = await one.limits.standing()
        assert (now.spent, now.reserved) == (0, 0)

    during(one, body)


def test_usage_that_comes_after_the_end_of_a_turn_is_waited_for(talk: Callable[..., Talk]) -> None:
    one = talk()

    async def body(trace: Trace) -> None:
        await one.say(CREATE)
        await one.say(b'{"serverContent": {"turnComplete": true}}', client=False)
        assert trace.turns is not None and trace.turns.waits and (await one.limits.standing()).reserved >= 30
        await one.say(b'{"type": "conversation.item.created"}', client=False)
        await one.done(7, 5)
        now = await one.limits.standing()
        assert (now.spent, now.reserved, trace.turns.waits) == (12, 0, False)

    during(one, body)


@pytest.mark.parametrize("ending", ["failed", "cut"])
def test_turns_that_do_not_end_well(talk: Callable[..., Talk], ending: str) -> None:
    one = talk()

    async def body(_: Trace) -> None:
        await one.say(CREATE)
        held = (await one.limits.standing()).reserved
        if ending == "failed":
            await one.say(b'{"type": "error", "error": {"message": "overloaded"}}', client=False)
        else:
            await one.close()
        now = await one.limits.standing()
        assert (now.spent, now.reserved) == ((0, 0) if ending == "failed" else (held, 0))

    during(one, body)


@pytest.mark.parametrize(("on_failure", "dropped"), [("block", True), ("allow", False)])
def test_a_store_that_is_away_is_for_on_failure(talk: Callable[..., Talk], on_failure: str, dropped: bool) -> None:
    one = talk(down=True, on_failure=on_failure)

    async def body(trace: Trace) -> None:
        assert (await one.say(CREATE)).dropped is dropped
        assert trace.socket is not None
        told = [json.loads(back)["status"] for back in trace.socket.take_back()]
        assert told == ([503] if dropped else [])
        await one.done(2, 3)
        await one.limits.settled()
        assert one.limits.admission.owed == 1

    during(one, body)


def test_the_money_of_a_turn_is_that_of_its_record(talk: Callable[..., Talk]) -> None:
    one = talk(budgets=[{"usd": 1, "per": "day"}])

    async def body(trace: Trace) -> None:
        for sent in (7, 20):
            await one.say(CREATE)
            await one.done(sent, 5)
        assert trace.socket is not None and trace.socket.cost is not None
        await one.close()
        now = await one.limits.standing()
        assert (now.spent, now.reserved) == (trace.socket.cost.nano_usd, 0) and now.spent > 0

    during(one, body)
    assert one.limits.rig.records[-1].cost_nano


SOUND = b'{"type": "input_audio_buffer.append", "audio": "AAAA"}'
CREATED = b'{"type": "response.created", "response": {"id": "resp_1"}}'


def test_a_turn_does_not_hide_behind_escapes(talk: Callable[..., Talk]) -> None:
    one = talk(budgets=[{"tokens": 20, "per": "day"}])

    async def body(_: Trace) -> None:
        assert (await one.say(b'{"type": "response\\u002ecreate"}')).dropped

    during(one, body)


def test_what_the_server_answers_by_itself_needs_room_too(talk: Callable[..., Talk]) -> None:
    one = talk()

    async def body(trace: Trace) -> None:
        for _ in range(3):
            assert not (await one.say(SOUND)).dropped
        assert trace.turns is not None and len(trace.turns.open) == 1, "one hold for all that is said until an answer"
        await one.say(CREATED, client=False)
        await one.done(60, 35)
        now = await one.limits.standing()
        assert (now.spent, now.reserved, trace.turns.heard) == (95, 0, None)
        assert (await one.say(SOUND)).dropped and trace.socket is not None
        (back,) = trace.socket.take_back()
        assert json.loads(back)["status"] == 429
        assert (await one.say(SOUND)).dropped and trace.socket.take_back() == (), "it is not told fifty times a second"
        await one.close()
        assert (await one.limits.standing()).spent == 95

    during(one, body)
    assert len([row for row in one.limits.rig.records if row.kind == "message"]) == 1


def test_room_for_what_is_heard_is_given_back_when_nothing_is_answered(talk: Callable[..., Talk]) -> None:
    one = talk()

    async def body(trace: Trace) -> None:
        await one.say(SOUND)
        await one.say(CREATE)
        assert trace.turns is not None and len(trace.turns.open) == 1, "the answer is asked for, and has its own"
        await one.done(7, 5)
        await one.say(SOUND)
        await one.close()
        now = await one.limits.standing()
        assert (now.spent, now.reserved) == (12, 0)

    during(one, body)


def test_an_answer_that_is_cut_short_is_paid_all_the_same(talk: Callable[..., Talk]) -> None:
    one = talk()

    async def body(_: Trace) -> None:
        await one.say(SOUND)
        held = (await one.limits.standing()).reserved
        await one.say(CREATED, client=False)
        await one.close()
        now = await one.limits.standing()
        assert (now.spent, now.reserved) == (held, 0)

    during(one, body)


def test_a_mistake_of_the_client_does_not_end_the_answer_that_has_begun(talk: Callable[..., Talk]) -> None:
    one = talk()

    async def body(_: Trace) -> None:
        await one.say(CREATE)
        held = (await one.limits.standing()).reserved
        await one.say(CREATED, client=False)
        await one.say(b'{"type": "nonsense"}')
        await one.say(b'{"type": "error", "error": {"message": "unknown type"}}', client=False)
        assert (await one.limits.standing()).reserved == held
        await one.done(7, 5)
        now = await one.limits.standing()
        assert (now.spent, now.reserved) == (12, 0)

    during(one, body)


def test_limits_that_are_taken_away_in_mid_turn_end_what_is_held(talk: Callable[..., Talk]) -> None:
    one = talk()

    async def body(_: Trace) -> None:
        await one.say(CREATE)
        state = one.limits.state
        state.snapshot = replace(state.snapshot, limits=None)
        await one.done(7, 5)
        assert not (await one.say(CREATE)).dropped
        await one.close()
        now = await one.limits.standing()
        assert (now.spent, now.reserved) == (12, 0)

    during(one, body)
