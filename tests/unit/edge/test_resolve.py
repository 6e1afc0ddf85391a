"""`--resolve` reads what curl reads and says what to write otherwise."""

from __future__ import annotations

import pytest

from weir.edge.resolve import parse_resolve


@pytest.mark.parametrize(
    ("spec", "key", "target"),
    [
        ("api.openai.com:443:127.0.0.1:8443", ("api.openai.com", 443), ("127.0.0.1", 8443)),
        ("API.openai.com.:443:127.0.0.1", ("api.openai.com", 443), ("127.0.0.1", 443)),
        ("h:443:[::1]:8443", ("h", 443), ("::1", 8443)),
        ("h:443:[::1]", ("h", 443), ("::1", 443)),
        ("*:443:10.0.0.1:1", ("*", 443), ("10.0.0.1", 1)),
    ],
)
def test_reads(spec: str, key: tuple[str, int], target: tuple[str, int]) -> None:
    assert parse_resolve([spec]) == {key: target}


@pytest.mark.parametrize("spec", ["", "host", "host:443", "host:x:1.2.3.4:1", ":443:1.2.3.4:1", "h:99999:1.2.3.4:1"])
def test_says_what_to_write(spec: str) -> None:
    with pytest.raises(ValueError, match="write HOST:PORT:ADDR"):
        parse_resolve([spec])
