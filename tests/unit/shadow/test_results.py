"""What replies that are no chat look like."""

import pytest

from weir.shadow.results import result_signals

VECTOR = [0.01 * i for i in range(128)]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"results": [{"index": 0, "relevance_score": 0.5}]}, ("relevance", "embeddings")),
        ({"results": [{"flagged": False, "category_scores": {}}]}, ("moderation", "ai")),
        ({"results": [{"outputText": "x"}], "inputTextTokenCount": 3}, ("output-text", "chat")),
        ({"created": 7, "data": [{"b64_json": "x"}]}, ("picture", "image")),
        ({"created": 7, "data": [{"url": "x", "revised_prompt": "y"}]}, ("picture", "image")),
        ({"embedding": {"values": VECTOR}}, ("vector", "embeddings")),
        ({"embeddings": [VECTOR]}, ("vector", "embeddings")),
        ({"embedding": [], "inputTextTokenCount": 3}, ("vector", "embeddings")),
        ({"text": "x", "task": "transcribe", "segments": []}, ("transcript", "audio")),
        ({"text": "x", "generation_id": "g", "meta": {}}, ("generation", "chat")),
        ({"text": "x", "chatId": "c", "chatMessageId": "m"}, ("workflow-answer", "chat")),
        ({"generated_text": "x"}, ("generated-text", "chat")),
        ({"message": {"role": "assistant"}, "finish_reason": "COMPLETE"}, ("assistant-message", "chat")),
        ({"urls": {"cancel": "x"}, "status": "succeeded", "input": {}}, ("prediction", "ai")),
        ({"answer": "x", "conversation_id": "c", "message_id": "m"}, ("workflow-answer", "chat")),
        ({"output": "x", "metadata": {"run_id": "r", "feedback_tokens": []}}, ("chain-output", "chat")),
    ],
)
def test_results(document: dict, expected: tuple[str, str]) -> None:
    assert [(s.id, s.kind) for s in result_signals(document)] == [expected]


@pytest.mark.parametrize(
    "document",
    [
        {}, {"results": []}, {"results": [{"index": 0}]}, {"results": "x"}, {"data": [{"url": "x"}]}, {"text": 7},
        {"created": 7, "data": [{"id": 1}]}, {"embedding": [[1, 2], [3, 4]]}, {"embedding": "<iframe>"},
        {"text": "x", "segments": []}, {"message": "ok", "finish_reason": "x"}, {"urls": {}, "status": "open"},
        {"answer": "x"}, {"output": "x", "metadata": {}}, {"embeddings": {}}, {"embedding": VECTOR[:3]},
    ],
)  # fmt: skip
def test_other_replies(document: dict) -> None:
    assert list(result_signals(document)) == []
