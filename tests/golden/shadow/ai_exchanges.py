"""Exchanges with AI on hosts that nobody knows, each with what it is for."""

from __future__ import annotations

from golden.shadow.exchanges import ex
from golden.shadow.ordinary_exchanges import FORM, form, rpc

USER = {"role": "user", "content": "hi"}
SYSTEM = {"role": "system", "content": "be brief"}
HOUSE = {"model": "house", "messages": [USER]}
EVENTS = {"Accept": "application/json, text/event-stream"}
VECTOR = [0.0125 + i / 1e4 for i in range(384)]
CARD = {"name": "x", "skills": [{"id": "a"}], "capabilities": {"streaming": True}, "url": "https://x"}
META = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}
TASK = {"id": "t1", "contextId": "c1", "status": {"state": "TASK_STATE_WORKING"}}
PARTS = {"message": {"role": "ROLE_USER", "messageId": "m1", "parts": [{"text": "hi"}]}}
SSE = {"Content-Type": "text/event-stream"}
GRPC = {"Content-Type": "application/grpc+proto", "User-Agent": "grpc-python/1.74.0"}


def agent(name: str) -> dict[str, str]:
    """The header that says what the client is."""
    return {"User-Agent": name}


def rpc_reply(result: object) -> dict[str, object]:
    """An answer by JSON-RPC."""
    return {"jsonrpc": "2.0", "id": 1, "result": result}


CHAT = [
    ex("plain http client", "POST /v1/chat/completions", HOUSE),
    ex("below a prefix", "POST /llm/team-a/v2/chat/completions", HOUSE),
    ex("library, body unreadable", "POST /v1/chat/completions", b"\x1f\x8b", headers=agent("OpenAI/Python 2.1.0")),
    ex("library for another language", "POST /chat/completions", HOUSE, headers=agent("AsyncOpenAI/JS 5.0")),
    ex("legacy completions", "POST /v1/completions", {"model": "house", "prompt": "x", "max_tokens": 5}),
    ex("responses", "POST /v1/responses", {"model": "gpt-5", "input": "hi"}),
    ex("messages", "POST /v1/messages", {**HOUSE, "max_tokens": 9}),
    ex("messages on any path", "POST /proxy", {"messages": [USER]}, headers={"anthropic-version": "2023-06-01"}),
    ex("tokens counted", "POST /v1/messages/count_tokens", HOUSE, reply={"input_tokens": 7}),
    ex("generateContent", "POST /v1beta/models/x:generateContent", {"contents": [{"parts": [{"text": "x"}]}]}),
    ex("internal generateContent", "POST /v1internal:streamGenerateContent?alt=sse",
       {"model": "gemini-3-pro", "project": "p", "request": {"contents": [{"parts": [{"text": "x"}]}]}}),
    ex("converse", "POST /model/eu.x-v1%3A0/converse", {"messages": [USER], "inferenceConfig": {}}),
    ex("invoke", "POST /model/x.y-v1/invoke", {"anthropic_version": "bedrock-2023-05-31", "messages": [USER]}),
    ex("titan", "POST /model/x/invoke", {"inputText": "x", "textGenerationConfig": {}}),
    ex("deployments", "POST /openai/deployments/d/chat/completions?api-version=1", {"messages": [SYSTEM, USER]}),
    ex("cohere 2", "POST /v2/chat", HOUSE, headers={"X-Fern-SDK-Name": "cohere", "X-Fern-Language": "Python"}),
    ex("cohere 1", "POST /v1/chat", {"message": "hi", "chat_history": [{"role": "USER", "message": "x"}]},
       headers=agent("cohere/5.15.0")),
    ex("own route, reply's headers tell", "POST /ask", HOUSE, replied={"openai-processing-ms": "12"}),
    ex("own route, stream tells", "POST /ask", {"messages": [SYSTEM, USER]}, replied=SSE,
       reply='data: {"choices":[{"delta":{"content":"x"}}]}\n\n'),
    ex("own route, named events", "POST /api/answer", {"messages": [SYSTEM, USER]}, replied=SSE,
       reply='event: message_start\ndata: {"type":"message_start","message":{}}\n\n'),
    ex("messages in an input", "POST /api/v1/services/aigc/text-generation/generation",
       {"model": "house", "input": {"messages": [USER]}, "parameters": {}}),
    ex("an assistant's own page", "POST /backend-api/conversation",
       {"messages": [{"author": {"role": "user"}, "content": {"parts": ["x"]}}], "model": "house"}),
    ex("threads", "POST /v1/threads/runs", {"assistant_id": "asst_1", "thread": {"messages": [USER]}}),
    ex("workflow builder", "POST /v1/chat-messages",
       {"inputs": {}, "query": "x", "response_mode": "blocking", "user": "u"},
       reply={"event": "message", "answer": "x", "conversation_id": "c", "message_id": "m"}),
    ex("flow builder", "POST /api/v1/prediction/0b9e3a52-1111-4222-8333-444455556666", {"question": "x"},
       reply={"text": "x", "chatId": "c", "chatMessageId": "m"}),
    ex("chain as a server", "POST /summarise/invoke", {"input": {"text": "x"}, "config": {}},
       reply={"output": "x", "metadata": {"run_id": "r", "feedback_tokens": []}}),
    ex("long conversation", "POST /v1/messages",
       {"messages": [{"role": "user", "content": "word " * 20_000}], "model": "m"}),
]  # fmt: skip

MCP = [
    ex("initialize", "POST /mcp", rpc("initialize", {"protocolVersion": "2025-06-18"}), headers=EVENTS),
    ex("initialize elsewhere", "POST /tools", rpc("initialize", {"protocolVersion": "2025-11-25", "clientInfo": {}}),
       headers=EVENTS, reply=rpc_reply({"protocolVersion": "2025-11-25", "serverInfo": {}, "capabilities": {}})),
    ex("tools listed in a session", "POST /mcp", rpc("tools/list"), headers={**EVENTS, "Mcp-Session-Id": "s"}),
    ex("a tool called in a session", "POST /x", rpc("tools/call", {"name": "t"}), headers={"Mcp-Session-Id": "s"}),
    ex("session ended", "DELETE /mcp", headers={"Mcp-Session-Id": "s", "MCP-Protocol-Version": "2025-06-18"}),
    ex("stream of a session", "GET /mcp", headers={"Accept": "text/event-stream", "Mcp-Session-Id": "s"}),
    ex("oldest stream", "GET /sse", headers={"Accept": "text/event-stream"}, replied=SSE,
       reply="event: endpoint\ndata: /messages/?session_id=abc\n\n"),
    ex("oldest post", "POST /messages/?session_id=abc", rpc("tools/list")),
    ex("stateless call", "POST /x", rpc("tools/call", {"name": "t", **META}),
       headers={"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "t"}),
    ex("stateless, headers taken off", "POST /mcp", rpc("custom/thing", META)),
    ex("discovery", "POST /mcp", rpc("server/discover", META)),
    ex("subscription", "POST /rpc", rpc("subscriptions/listen", META), headers=EVENTS),
    ex("reply that asks back", "POST /mcp", rpc("x"), reply=rpc_reply({"resultType": "input_required"})),
    ex("an agent calls a tool", "POST /x", rpc("tools/call", {"name": "t"}), headers=agent("claude-code/2.0.1")),
]  # fmt: skip

A2A = [
    ex("by rest", "POST /message:send", PARTS, headers={"A2A-Version": "1.0"}, reply={"task": TASK}),
    ex("by rest, no headers", "POST /v1/message:stream", PARTS),
    ex("by JSON-RPC", "POST /a2a", rpc("SendMessage", PARTS), headers={"A2A-Version": "1.0"},
       reply=rpc_reply({"task": TASK})),
    ex("by JSON-RPC, older", "POST /", rpc("message/send", {"message": {}}), reply=rpc_reply({"kind": "task", **TASK})),
    ex("card", "GET /.well-known/agent-card.json", reply={**CARD, "protocolVersion": "1.0"}),
    ex("older card", "GET /.well-known/agent.json", reply={**CARD, "defaultInputModes": ["text"]}),
    ex("task cancelled", "POST /tasks/t1:cancel", {}, headers={"Content-Type": "application/a2a+json"}),
    ex("by gRPC", "POST /lf.a2a.v1.A2AService/SendMessage", b"\0\0\0\0\1x", headers=GRPC),
]  # fmt: skip

EMBEDDINGS = [
    ex("embeddings", "POST /v1/embeddings", {"model": "text-embedding-3-small", "input": "x"}),
    ex("embeddings of a house model", "POST /v1/embeddings",
       {"model": "house", "input": ["x"], "encoding_format": "float"}),
    ex("embedContent", "POST /v1beta/models/x:embedContent", {"content": {"parts": [{"text": "x"}]}}),
    ex("rerank", "POST /v1/rerank", {"model": "house", "query": "x", "documents": ["a"], "top_n": 1},
       reply={"results": [{"index": 0, "relevance_score": 0.9}]}),
    ex("vectors by a text server", "POST /embed", {"inputs": ["x"]}, reply=[VECTOR], replied={"x-compute-tokens": "3"}),
    ex("own route, vectors tell", "POST /vectorise", {"texts": ["a"], "model": "house", "input_type": "search_query"},
       reply={"object": "list", "data": [{"object": "embedding", "embedding": VECTOR}], "usage": {}}),
]  # fmt: skip

MEDIA = [
    ex("pictures", "POST /v1/images/generations", {"model": "house", "prompt": "x", "size": "1024x1024"}, kind="image"),
    ex("pictures, the reply tells", "POST /draw", {"model": "house", "prompt": "x", "size": "512x512"}, kind="image",
       reply={"created": 7, "data": [{"b64_json": "iVBORw0KGgo="}]}),
    ex("diffusion's web interface", "POST /sdapi/v1/txt2img", {"prompt": "x", "steps": 20, "sampler_name": "e"},
       kind="image"),
    ex("node graph", "POST /prompt", {"prompt": {"3": {"class_type": "KSampler", "inputs": {}}}}, port=8188,
       kind="image"),
    ex("speech", "POST /v1/audio/speech", {"model": "tts-1", "input": "x", "voice": "a"}, kind="audio"),
    ex("speech, vendor's form", "POST /v1/text-to-speech/abc",
       {"text": "x", "model_id": "eleven_v3", "voice_settings": {}},
       kind="audio"),
    ex("transcript", "POST /v1/audio/transcriptions", form(model="whisper-1", file="x"), headers=FORM, kind="audio"),
    ex("realtime", "GET /v1/realtime?model=house",
       headers={"Sec-WebSocket-Protocol": "realtime, openai-beta.realtime-v1"},
       kind="audio"),
]  # fmt: skip

LOCAL = [
    ex("ollama greets", "GET /", port=11434, reply="Ollama is running"),
    ex("ollama's models", "GET /api/tags", port=11434,
       reply={"models": [{"name": "m", "digest": "d", "details": {"quantization_level": "Q4"}}]}),
    ex("ollama generates", "POST /api/generate", {"model": "llama3.2", "prompt": "x"},
       reply='{"model":"llama3.2","created_at":"t","response":"x","done":false}\n'),
    ex("ollama chats", "POST /api/chat", {**HOUSE, "options": {"num_ctx": 9}},
       reply='{"model":"h","created_at":"t","message":{},"done":false}\n'),
    ex("vllm's models", "GET /v1/models", reply={"object": "list", "data": [{"object": "model", "owned_by": "vllm"}]}),
    ex("vllm's figures", "GET /metrics", reply="# HELP vllm:num_requests_running n\n", replied={"Server": "uvicorn"}),
    ex("llama.cpp", "POST /completion", {"prompt": "x", "n_predict": 9}, replied={"Server": "llama.cpp"},
       reply={"content": "x", "stop": True, "timings": {}}),
    ex("llama.cpp's properties", "GET /props", reply={"default_generation_settings": {}, "total_slots": 1}),
    ex("lm studio", "GET /api/v0/models", port=1234,
       reply={"object": "list", "data": [{"object": "model", "type": "llm", "quantization": "4bit"}]}),
    ex("text generation server", "POST /generate", {"inputs": "x", "parameters": {"max_new_tokens": 9}},
       reply={"generated_text": "x"}, replied={"x-generated-tokens": "3", "x-compute-time": "0.1"}),
    ex("ollama fetches a model", "POST /api/pull", {"model": "m"}, port=11434, reply='{"status":"pulling manifest"}\n'),
    ex("vllm counts tokens", "POST /tokenize", {"model": "m", "prompt": "x"}, replied={"Server": "uvicorn"},
       reply={"count": 1, "max_model_len": 4096, "tokens": [1]}),
    ex("sglang", "GET /get_model_info", reply={"model_path": "m", "tokenizer_path": "m", "is_generation": True}),
    ex("koboldcpp", "GET /api/extra/version", reply={"result": "KoboldCpp", "version": "1.9"}, port=5001),
    ex("open webui", "GET /api/config", reply={"status": True, "name": "Open WebUI", "version": "0.6", "features": {}}),
    ex("inference server", "POST /v2/models/m/infer",
       {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1]}]}),
    ex("inference server by gRPC", "POST /inference.GRPCInferenceService/ModelInfer", b"\0\0\0\0\1x", headers=GRPC),
]  # fmt: skip

WEIGHTS = [
    ex("hub's library", "GET /org/m/resolve/main/m.safetensors",
       headers=agent("unknown/None; hf_hub/0.35; python/3.13")),
    ex("gguf by any client", "GET /files/m.gguf", reply=b"GGUF\3\0\0\0"),
    ex("ollama's registry", "GET /v2/library/m/manifests/1", headers={"Accept": "application/vnd.ollama.image.model"}),
]  # fmt: skip

AGENTS = [
    ex("claude code", "POST /v1/messages?beta=true", HOUSE,
       headers={"X-App": "cli", **agent("claude-cli/2.0 (external, cli)")}),
    ex("codex", "POST /backend-api/codex/responses", {"model": "house", "input": [USER]},
       headers={"Originator": "codex_cli_rs"}),
    ex("copilot", "POST /chat/completions", HOUSE,
       headers={"X-Initiator": "agent", **agent("GitHubCopilotChat/0.30.0")}),
    ex("gemini cli", "POST /v1internal:generateContent", {"request": {"contents": [{"parts": [{"text": "x"}]}]}},
       headers=agent("GeminiCLI-vscode/0.8.1/gemini-3-pro (linux; x64)")),
    ex("cursor", "POST /aiserver.v1.ChatService/StreamUnifiedChat", b"\0\0\0\0\1x",
       headers={"Content-Type": "application/connect+proto", "X-Cursor-Client-Version": "1.7.0"}),
    ex("code whisperer", "POST /", {"conversationState": {"currentMessage": {}}},
       headers={"X-Amz-Target": "AmazonCodeWhispererStreamingService.GenerateAssistantResponse"}),
    ex("roo code", "POST /v1/chat/completions", HOUSE, headers=agent("RooCode/3.28.0")),
]  # fmt: skip

OTHER = [
    ex("vercel ai in a page's server", "POST /api/completion", {"model": "house", "prompt": "x"},
       headers=agent("ai-sdk/openai/2.0.30 ai-sdk/provider-utils/3.0.9 runtime/node.js/22"), kind="ai"),
    ex("windsurf by gRPC", "POST /exa.api_server_pb.ApiServerService/GetChatMessage", b"\0\0\0\0\1x", headers=GRPC,
       kind="ai"),
    ex("prediction of a picture", "POST /v1/models/house:predict", {"instances": [{"prompt": "x"}]}, kind="ai"),
    ex("moderation", "POST /v1/moderations", {"model": "omni", "input": "x"}, kind="ai",
       reply={"id": "modr-1", "results": [{"flagged": False, "categories": {}, "category_scores": {}}]}),
    ex("prediction by version", "POST /v1/predictions", {"version": "0" * 64, "input": {"prompt": "x"}}, kind="ai",
       reply={"id": "p", "status": "starting", "input": {}, "urls": {"get": "g", "cancel": "c"}}),
    ex("behind a gateway", "POST /any", {"model": "house", "prompt": "x"}, headers={"cf-aig-authorization": "x"},
       kind="ai"),
]  # fmt: skip

KINDS = {
    "chat": CHAT, "mcp": MCP, "a2a": A2A, "embeddings": EMBEDDINGS, "local-server": LOCAL, "weights": WEIGHTS,
    "agent": AGENTS,
}  # fmt: skip
AI = [(kind, one) for kind, rows in KINDS.items() for one in rows] + [(one.kind, one) for one in MEDIA + OTHER]
