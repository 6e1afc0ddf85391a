"""What requests for something else than chat look like."""

import pytest

from weir.shadow.tasks import task_signals


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"inputs": "x", "parameters": {}}, ("inputs-and-parameters", "ai")),
        ({"inputs": [{"name": "x", "shape": [1], "datatype": "FP32"}]}, ("tensors", "local-server")),
        ({"inputText": "x", "textGenerationConfig": {}}, ("input-text", "chat")),
        ({"anthropic_version": "x"}, ("anthropic-version", "chat")),
        ({"chat_history": [{"role": "CHATBOT", "message": "x"}], "message": "y"}, ("chat-history", "chat")),
        ({"conversationState": {"currentMessage": {}}}, ("conversation-state", "agent")),
        ({"inputs": {}, "response_mode": "streaming", "query": "x"}, ("workflow-inputs", "chat")),
        ({"text": "x", "voice_settings": {}}, ("voice-settings", "audio")),
        ({"model": "m", "input": "x", "voice": "a"}, ("speech", "audio")),
        ({"assistant_id": "asst_1"}, ("assistant-id", "chat")),
        ({"prompt": "x", "cfg_scale": 7}, ("diffusion", "image")),
        ({"prompt": "x", "size": "1024x1024"}, ("picture-size", "image")),
        ({"prompt": {"3": {"class_type": "K", "inputs": {}}}}, ("node-graph", "image")),
        ({"query": "x", "documents": ["a"], "model": "m"}, ("query-and-documents", "embeddings")),
        ({"model": "m", "texts": ["a"], "input_type": "x"}, ("texts-for-vectors", "embeddings")),
        ({"version": "a" * 64, "input": {"prompt": "x"}}, ("pinned-version", "ai")),
        ({"input": {"prompt": "x"}}, ("prompt-in-input", "ai")),
        ({"model": "m", "input": {"messages": [{"role": "user", "content": "x"}]}}, ("messages-in-input", "chat")),
        ({"instances": [{"prompt": "x"}]}, ("instances-with-prompt", "ai")),
        (
            {"messages": [{"author": {"role": "user"}, "content": {"parts": ["x"]}}]},
            ("messages-of-authors", "chat"),
        ),
        ({"model": "m", "keep_alive": "5m"}, ("ollama-options", "local-server")),
    ],
)
def test_tasks(document: dict, expected: tuple[str, str]) -> None:
    assert [(s.id, s.kind) for s in task_signals(document)] == [expected]


@pytest.mark.parametrize(
    "document",
    [
        {}, {"inputs": {"lat": 1}}, {"inputs": "x"}, {"inputs": ["x"], "parameters": 7}, {"inputText": "x"},
        {"chat_history": [{"role": "guest", "text": "x"}]}, {"chat_history": "x"}, {"conversationState": "open"},
        {"response_mode": "streaming"}, {"voice": "alice", "text": "hi"}, {"assistant_id": "7"}, {"prompt": "x"},
        {"prompt": {}}, {"prompt": {"a": 1}}, {"prompt": "x", "size": "A4"}, {"query": "x", "documents": []},
        {"query": {}, "documents": ["a"]}, {"version": "2", "input": {"a": 1}}, {"options": {"volume": 3}},
        {"input": "x"}, {"model": "m", "dimensions": 3},
        {"instances": [[1.0]]}, {"instances": [{"x": 1}]}, {"messages": [{"author": {"name": "x"}, "content": "y"}]},
        {"input": {"messages": [{"role": "user", "content": "x"}]}},
    ],
)  # fmt: skip
def test_other_things(document: dict) -> None:
    assert task_signals(document) == []
