from __future__ import annotations

from pathlib import Path

import pytest

from weir.audit.exports.address import LOOPBACK, Address, AddressError


@pytest.mark.parametrize(
    ("text", "shown", "in_clear"),
    [
        ("-", "stdout", False),
        ("file:/var/log/weir.jsonl", "file /var/log/weir.jsonl", False),
        ("file:///var/log/weir.jsonl", "file /var/log/weir.jsonl", False),
        ("syslog+tls://siem.example", "syslog siem.example:6514", False),
        ("syslog+tcp://siem.example:1514", "syslog siem.example:1514", True),
        ("syslog+tcp://127.0.0.1", "syslog 127.0.0.1:601", False),
        ("https://in.example/weir/", "web https://in.example:443/weir", False),
        ("http://localhost:9", "web http://localhost:9", False),
        ("splunk+https://[2001:db8::1]", "splunk https://[2001:db8::1]:8088", False),
        ("otlp+http://collector", "otlp http://collector:4318", True),
        ("otlp+https://collector:4317/x", "otlp https://collector:4317/x", False),
    ],
)
def test_places(text: str, shown: str, in_clear: bool) -> None:
    found = Address.parse(text)
    assert (found.shown, found.in_clear) == (shown, in_clear)


@pytest.mark.parametrize(
    "text",
    ["", "x", "ftp://a", "syslog://a", "https:/a", "https://", "https://u:p@a", "https://a?token=x", "https://a#b",
     "https://a:99999", "https://a:b", "syslog+tls://a/path", "file:", "file:/", "file:/tmp", "https://[::1"],
)  # fmt: skip
def test_no_places(text: str) -> None:
    with pytest.raises(AddressError) as wrong:
        Address.parse(text)
    assert "\n" not in str(wrong.value) and "token=x" not in str(wrong.value) and "u:p" not in str(wrong.value)


def test_a_relative_path_is_one_place_wherever_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Address.parse("file:out.jsonl") == Address.parse(f"file:{tmp_path}/out.jsonl")
    assert "::1" in LOOPBACK
