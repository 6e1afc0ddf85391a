"""Each kind of policy value: what it accepts, and that its refusals say what to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from weir import fields
from weir.keys.secrets import schemes

GOOD: list[tuple[Any, Any, Any]] = [
    (fields.Bytes, "32MiB", 32 << 20),
    (fields.Bytes, "1 kb", 1000),
    (fields.Bytes, 4096, 4096),
    (fields.Percent, "5%", 5.0),
    (fields.Percent, "0.25 %", 0.25),
    (fields.Percent, 0, 0.0),
    (fields.Percent, "100%", 100.0),
    (fields.Globs, "gpt-5*", ("gpt-5*",)),
    (fields.Globs, ["a", "b"], ("a", "b")),
    (fields.Hosts, "API.Example.com.", ("api.example.com",)),
    (fields.Hosts, ["*.example.com", "10.0.0.1", "::1"], ("*.example.com", "10.0.0.1", "::1")),
    (fields.HostPatterns, ["bedrock-runtime.*.amazonaws.com"], ("bedrock-runtime.*.amazonaws.com",)),
    (fields.Cidr, "10.20.0.0/16", "10.20.0.0/16"),
    (fields.Cidr, "2001:DB8::/32", "2001:db8::/32"),
    (fields.Reference, "env:OPENAI_API_KEY", "env:OPENAI_API_KEY"),
    (fields.Reference, "file:keys/openai", "file:keys/openai"),
    (fields.Say, "{finding} {{literal}} {team}", "{finding} {{literal}} {team}"),
    (fields.RuleId, "no-keys-2", "no-keys-2"),
    (
        fields.ServiceRefs,
        ["openai", "vendor:Open AI", "category:coding"],
        ("openai", "vendor:Open AI", "category:coding"),
    ),
    (fields.ServiceRefs, [], ()),
    (fields.Ratio, 0.5, 0.5),
    (fields.Ratio, 1, 1.0),
    (fields.FilePath, "users.yaml", Path("users.yaml")),
]

BAD: list[tuple[Any, Any, str]] = [
    (fields.Bytes, "32 parsecs", "write a number of bytes or a size such as 32MiB"),
    (fields.Bytes, True, "write a number of bytes or a size such as 32MiB"),
    (fields.Bytes, -1.5, "write a number of bytes or a size such as 32MiB"),
    (fields.Percent, 5, "write a value from 0% to 100%, with the percent sign"),
    (fields.Percent, "101%", "write a value from 0% to 100%, with the percent sign"),
    (fields.Globs, [], "write at least one entry, or remove it"),
    (fields.Globs, [" "], "write a name, or remove it"),
    (fields.Globs, {"a": 1}, 'write one "text" or [a, list]'),
    (fields.Hosts, "https://x.com", "write a name such as api.example.com"),
    (fields.Hosts, "x.com:443", "write a name such as api.example.com"),
    (fields.Hosts, "a.*.com", "write a name such as api.example.com"),
    (fields.HostPatterns, "api.*", "write a name such as api.example.com"),
    (fields.Cidr, "10.20.1.0/16", "write 10.20.0.0/16"),
    (fields.Cidr, "tenth floor", "write a network such as 10.20.0.0/16"),
    (
        fields.Reference,
        "sk-canary-0123456789",
        'write "env:NAME", "file:/path", "exec:COMMAND"',
    ),
    (
        fields.Reference,
        "env:sk-canary-0123456789",
        'write "env:NAME", "file:/path", "exec:COMMAND"',
    ),
    (fields.Say, "{modell}", "write {model}"),
    (fields.Say, "{finding.__class__}", "write one of {finding}"),
    (fields.Say, "{team!r}", "write {team}"),
    (fields.Say, "{", "write {{ for a brace"),
    (fields.Say, "{}", "write one of {finding}"),
    (fields.RuleId, "No Keys", "write small letters, digits and hyphens"),
    (fields.ServiceRefs, ["bad/one"], "write a service id, vendor:NAME, category:NAME, risk:WORD or country:XX"),
    (fields.Ratio, 1.5, "write a value from 0 to 1"),
    (fields.FilePath, "", "write a path"),
    (fields.Text, "x" * 3000, "shorten it"),
    (fields.Direction, "requests", "write request (known: request, response)"),
    (fields.Method, "face", "write one of none, network, process, peer, basic, ldap, jwt, certificate, virtual_key"),
]


@pytest.mark.parametrize(("kind", "given", "value"), GOOD)
def test_accepts(kind: Any, given: Any, value: Any) -> None:
    assert TypeAdapter(kind).validate_python(given) == value


@pytest.mark.parametrize(("kind", "given", "remedy"), BAD)
def test_refuses_with_a_remedy_and_without_the_value(kind: Any, given: Any, remedy: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(given)
    (error,) = caught.value.errors(include_input=False)
    assert error["type"] == "weir"
    assert error["ctx"]["remedy"].startswith(remedy)
    assert "canary" not in str(error)


def test_paths_start_from_the_base() -> None:
    context = {"base": Path("/etc/weir")}
    assert TypeAdapter(fields.FilePath).validate_python("users", context=context) == Path("/etc/weir/users")
    assert TypeAdapter(fields.FilePath).validate_python("/x/users", context=context) == Path("/x/users")
    assert TypeAdapter(fields.Reference).validate_python("file:key", context=context) == "file:/etc/weir/key"
    assert TypeAdapter(fields.Reference).validate_python("env:KEY", context=context) == "env:KEY"


def test_nearest() -> None:
    assert fields.nearest("sanctionned", ["sanctioned", "tolerated"]) == "sanctioned"
    assert fields.nearest("zzz", ["sanctioned", "tolerated"]) == ""


def test_references_have_the_schemes_there_are_backends_for() -> None:
    for scheme in schemes():
        assert TypeAdapter(fields.Reference).validate_python(f"{scheme}:X") == f"{scheme}:X"
