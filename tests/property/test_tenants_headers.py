"""Whatever a client sends, wherever to: a vendor's header reaches that vendor alone, once, in the company's words."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from weir.tenants.headers import restricted
from weir.tenants.restrict import restrictions
from weir.tenants.vendors import load

OURS = "550e8400-e29b-41d4-a716-446655440000"
SECTION: dict[str, Any] = {
    "chatgpt": {"": [OURS]},
    "claude": {"": [OURS]},
    "openai": {"": ["org-ours"]},
    "google": {"": ["a.example"]},
    "gemini-code-assist": {"": ["a.example"]},
    "microsoft": {"policy": [f"{OURS}:{OURS}"]},
    "microsoft-consumer": {"": ["block"]},
    "github": {"": ["acme"]},
    "slack": {"requester": ["T0123ABCD"], "workspaces": ["T0123ABCD"]},
    "dropbox": {"": ["team"]},
}
TENANTS, WRONG = restrictions(SECTION, load())
KNOWN = sorted({pattern.removeprefix("*.") for pattern in TENANTS.hosts})
LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
HOST = st.one_of(
    st.sampled_from(KNOWN),
    st.builds("{}.{}".format, LABEL, st.sampled_from(KNOWN)),
    st.builds("{}{}".format, LABEL, st.sampled_from(KNOWN)),
    st.builds("{}.{}".format, st.sampled_from(KNOWN), LABEL),
    st.lists(LABEL, min_size=1, max_size=4).map(".".join),
)


def _spelled(name: str, upper: list[bool], underscore: bool) -> bytes:
    letters = [c.upper() if up else c for c, up in zip(name, upper, strict=False)] + list(name[len(upper) :])
    spelled = "".join(letters)
    return (spelled.replace("-", "_") if underscore else spelled).encode()


NAME = st.one_of(
    st.builds(_spelled, st.sampled_from(sorted(TENANTS.names)), st.lists(st.booleans(), max_size=40), st.booleans()),
    st.sampled_from([b"Host", b"cookie", b"Connection", b"connection", b"x-other"]),
)
VALUE = st.one_of(
    st.binary(max_size=20),
    st.lists(st.sampled_from([*sorted(TENANTS.names), "keep-alive", "te"]), max_size=3).map(
        lambda w: ", ".join(w).encode()
    ),
)


def _belongs(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _low(name: bytes) -> str:
    return name.decode("latin-1").lower().replace("_", "-")


def test_the_section_is_good() -> None:
    assert not WRONG and len(TENANTS.found) == len(load())


@given(HOST)
def test_no_host_gets_what_is_not_its_vendors(host: str) -> None:
    found = TENANTS.of(host)
    owners = [vendor for vendor in load().values() if any(_belongs(host, pattern) for pattern in vendor.hosts.patterns)]
    assert [found.vendor] == owners if found else not owners


@given(HOST, st.lists(st.tuples(NAME, VALUE), max_size=8), st.booleans())
def test_each_header_arrives_once_and_in_our_words(host: str, lines: list[tuple[bytes, bytes]], small: bool) -> None:
    found = TENANTS.of(host)
    if found is None:
        return
    made = restricted(lines, TENANTS.names, found.headers, small=small)
    ours = [(name, value) for name, value in made if _low(name) in TENANTS.names]
    assert [(name.lower(), value) for name, value in ours] == [
        (name.lower().encode(), value.encode()) for name, value in found.headers
    ]
    options = {_low(o.strip()) for name, value in made if _low(name) == "connection" for o in value.split(b",")}
    assert not options & TENANTS.names
    others = [line for line in lines if _low(line[0]) not in TENANTS.names and _low(line[0]) != "connection"]
    assert [line for line in made if _low(line[0]) not in TENANTS.names and _low(line[0]) != "connection"] == others
