"""Clients are named by what they say of themselves."""

import time

import pytest
import yaml

from weir.shadow import clients
from weir.shadow.clients import KINDS, Client, client_of, said, tells
from weir.shadow.signs import KINDS as SIGN_KINDS

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("OpenAI/Python 2.1.0", ("OpenAI SDK", "2.1.0", "sdk")),
        ("AsyncOpenAI/Python 2.1.0", ("OpenAI SDK", "2.1.0", "sdk")),
        ("AsyncAzureOpenAI/Python 1.99.9", ("OpenAI SDK", "1.99.9", "sdk")),
        ("AzureOpenAI/JS 5.20.1", ("OpenAI SDK", "5.20.1", "sdk")),
        ("OpenAI/v1 PythonBindings/0.28.1", ("OpenAI SDK", "", "sdk")),
        ("AnthropicBedrock/Python 0.70.0", ("Anthropic SDK", "0.70.0", "sdk")),
        ("AsyncAnthropicVertex/Python 0.70.0", ("Anthropic SDK", "0.70.0", "sdk")),
        ("Groq/Python 0.31.0", ("Groq SDK", "0.31.0", "sdk")),
        ("Agents/Python 0.3.3", ("OpenAI Agents SDK", "0.3.3", "sdk")),
        ("ai-sdk/openai/2.0.30 ai-sdk/provider-utils/3.0.9 runtime/node.js/22", ("Vercel AI SDK", "2.0.30", "sdk")),
        ("google-genai-sdk/1.40.0 gl-python/3.13.1", ("Google Gen AI SDK", "1.40.0", "sdk")),
        ("ollama-python/0.6.0 (x86_64 linux) Python/3.13", ("Ollama SDK", "0.6.0", "sdk")),
        ("ollama/0.12.3 (arm64 darwin) Go/go1.24", ("Ollama", "0.12.3", "app")),
        ("Aleph-Alpha-Python-Client-1.0", ("Aleph Alpha SDK", "", "sdk")),
        ("transformers/4.57; hf_hub/0.35.3; python/3.13; torch/2.9", ("Hugging Face Hub", "0.35.3", "sdk")),
        ("claude-cli/2.0.14 (external, cli)", ("Claude Code", "2.0.14", "agent")),
        ("codex_cli_rs/0.46.0 (Mac OS 15.6; arm64)", ("Codex CLI", "0.46.0", "agent")),
        ("GitHubCopilotChat/0.32.1", ("GitHub Copilot Chat", "0.32.1", "agent")),
        ("GeminiCLI/0.8.1 (linux; x64)", ("Gemini CLI", "0.8.1", "agent")),
        ("GeminiCLI-vscode/0.8.1/gemini-3-pro (linux)", ("Gemini CLI", "0.8.1", "agent")),
        ("RooCode/3.28.0 OpenAI/JS 5.12.2", ("Roo Code", "3.28.0", "agent")),
        ("OpenAI/JS 5.12.2 opencode/0.15", ("opencode", "0.15", "agent")),
        (f"{BROWSER} Cursor/1.7.0 Electron/37.2", ("Cursor", "1.7.0", "agent")),
    ],
)
def test_by_user_agent(agent: str, expected: tuple[str, str, str]) -> None:
    assert client_of([("User-Agent", agent)]) == Client(*expected)


@pytest.mark.parametrize(
    ("headers", "name", "kind"),
    [
        ({"originator": "codex_vscode"}, "Codex CLI", "agent"),
        ({"Copilot-Integration-Id": "vscode-chat"}, "GitHub Copilot", "agent"),
        ({"Editor-Plugin-Version": "copilot-chat/0.32.1"}, "GitHub Copilot Chat", "agent"),
        ({"x-goog-api-client": "google-genai-sdk/1.40.0 gl-node/22"}, "Google Gen AI SDK", "sdk"),
        ({"X-Fern-SDK-Name": "cohere"}, "Cohere SDK", "sdk"),
        ({"X-Amz-Target": "AmazonCodeWhispererStreamingService.X"}, "Amazon Q Developer", "agent"),
        ({"cf-aig-metadata": "{}"}, "Cloudflare AI Gateway", "gateway"),
        ({"Helicone-Auth": "Bearer x"}, "Helicone", "gateway"),
        ({"Origin": "chrome-extension://" + "ab" * 16}, "browser extension " + "ab" * 16, "extension"),
        ({"Origin": "moz-extension://0b9e3a52-1111"}, "browser extension", "extension"),
        ({"Origin": "chrome-extension://<script>"}, "browser extension", "extension"),
        ({"Helicone-Auth": "x", "User-Agent": "claude-cli/2.0 OpenAI/JS 5"}, "Claude Code", "agent"),
    ],
)
def test_by_other_headers(headers: dict[str, str], name: str, kind: str) -> None:
    found = client_of(headers)
    assert found is not None
    assert (found.name, found.kind) == (name, kind)


@pytest.mark.parametrize(
    "headers",
    [
        {}, {"User-Agent": ""}, {"User-Agent": BROWSER}, {"User-Agent": "python-httpx/0.28.1"},
        {"User-Agent": "Acme/Python 2.0.0"}, {"User-Agent": "Agents/2.0"}, {"User-Agent": "Writer/5.1 (office)"},
        {"User-Agent": "(claude-cli)"}, {"User-Agent": "Together/1.0 (couples)"}, {"X-Fern-SDK-Name": "acme"},
        {"X-Stainless-Lang": "python"}, {"originator": "me"}, {"Origin": "https://example.com"},
        {"User-Agent": "/ / //"}, {"User-Agent": "curl/8"},
    ],
)  # fmt: skip
def test_others_have_no_name(headers: dict[str, str]) -> None:
    assert client_of(headers) is None


def test_what_a_client_says_of_itself_is_taken_from_the_table_alone() -> None:
    marker = "sk-ant-never"
    found = client_of({"User-Agent": f"claude-cli/{marker} ({marker})", "Originator": f"codex_{marker}"})
    assert found is not None
    assert marker not in repr(found)
    assert found.version == ""


def test_signs_have_known_kinds_and_points() -> None:
    doc = yaml.safe_load(clients._TABLE.read_text("utf-8"))
    rows = [*doc["products"].values(), *doc["headers"], *doc["prefixes"]]
    assert all(row["kind"] in KINDS and 5 <= row["points"] <= 50 for row in rows)
    assert all(head == head.lower() and "/" not in head for head in doc["products"])
    signs = [signal for _, signal in said([("user-agent", "claude-cli/1 hf_hub/1 OpenAI/JS 1")])]
    assert [(s.id, s.kind) for s in signs] == [("known-agent", "agent"), ("known-sdk", "weights"), ("known-sdk", "ai")]
    assert all(signal.kind in SIGN_KINDS for signal in signs)


def test_work_is_bounded() -> None:
    began = time.thread_time()
    for agent in ("a/1 " * 10**6, "a/" * 10**6, "async" * 10**6 + "/py", "(" * 10**6):
        client_of([("User-Agent", agent)] * 1000)
    assert time.thread_time() - began < 5


@pytest.mark.parametrize("header", [b"User-Agent", b"ORIGIN"])
def test_headers_that_name_a_client_tell(header: bytes) -> None:
    assert tells(header)


@pytest.mark.parametrize("header", [b"Accept", b"authorization", b"\xff", b"", b"x-stainless-" * 100])
def test_other_headers_need_not_be_read(header: bytes) -> None:
    assert not tells(header)
