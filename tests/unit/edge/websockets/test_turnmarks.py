"""Which messages of a socket begin a turn and which end it, however they are written."""

from __future__ import annotations

import pytest

from weir.edge.websockets.turnmarks import begins, begun, ends, hears

CREATE = b'{"type": "response.create"}'


@pytest.mark.parametrize(
    ("message", "does"),
    [
        (CREATE, True),
        (b'{"type": "response\\u002ecreate"}', True),
        (b'{"\\u0074ype": "response.create"}', True),
        (b'{"client\\u0043ontent": {"turnComplete": true}}', True),
        (b'{"type": "response.create", "type": "x"}', True),  # another server may read it otherwise
        (b'{"type": "conversation.item.create", "item": {"text": "caf\\u00e9"}}', False),
        (b'{"type": "response.create", "generate": false}', False),
        (b'{"type": "conversation.item.create", "item": {"text": "response.create"}}', False),
        (b'{"clientContent": {"turnComplete": true}}', True),
        (b'{"client_content": {"turn_complete": true}}', True),
        (b'{"clientContent": {"turnComplete": false}}', False),
        (b'["response.create"]', False),
        (b"response.create", False),
        (b"", False),
    ],
)
def test_what_begins_a_turn(message: bytes, does: bool) -> None:
    assert bool(begins(message)) is does


@pytest.mark.parametrize(
    ("message", "how"),
    [
        (b'{"type": "response.done"}', "done"),
        (b'{"type": "response.completed"}', "done"),
        (b'{"type": "response.incomplete"}', "done"),
        (b'{"type": "response.failed"}', "broken"),
        (b'{"type": "error"}', "broken"),
        (b'{"type": "response.output_text.delta"}', ""),
        (b'{"serverContent": {"turnComplete": true}}', "over"),
        (b'{"serverContent": {}}', ""),
        (b'response.done {"', ""),
    ],
)
def test_what_ends_a_turn(message: bytes, how: str) -> None:
    assert ends(message) == how


def test_only_the_responses_interface_warms_up() -> None:
    message = b'{"type": "response.create", "generate": false}'
    assert begins(message, warms_up=False) and not begins(message, warms_up=True)


@pytest.mark.parametrize(
    ("message", "does"),
    [
        (b'{"type": "input_audio_buffer.append", "audio": "AAAA"}', True),
        (b'{"type": "input\\u005faudio_buffer.append", "audio": "AAAA"}', True),
        (b'{"realtimeInput": {"text": "hello"}}', True),
        (b'{"realtime_\\u0069nput": {"text": "hello"}}', True),
        (b'{"toolResponse": {"functionResponses": []}}', True),
        (b'{"type": "conversation.item.create", "item": {"text": "\\"realtimeInput\\""}}', False),
        (b'{"type": "session.update", "session": {"instructions": "caf\\u00e9"}}', False),
        (b"\\u", False),
    ],
)
def test_what_a_server_may_answer_by_itself(message: bytes, does: bool) -> None:
    assert hears(message) is does


def test_what_says_that_an_answer_has_begun() -> None:
    assert begun(b'{"type":"response.created"}') and begun(b'{"serverContent": {}}') and not begun(CREATE)
