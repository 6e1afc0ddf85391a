from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from harness.receivers import papers
from unit.audit.exports.rows import VERSION
from weir.audit.exports.address import Address
from weir.audit.exports.receivers import Access, cursor_name, mistake, signals, targets, tls_context
from weir.model import Secret

TOKEN = Access(token=lambda: Secret("x", hosts=("a",)))


@pytest.mark.parametrize(
    ("to", "format", "access", "said"),
    [
        ("-", "otlp", Access(), "otlp"),
        ("otlp+https://a", "cef", Access(), "otlp"),
        ("https://a", "focus", Access(), "one table"),
        ("splunk+https://a", "jsonl", Access(), "wants a token"),
        ("file:/x/y", "jsonl", TOKEN, "web addresses"),
        ("syslog+tls://a", "cef", TOKEN, "web addresses"),
        ("splunk+http://a", "jsonl", TOKEN, "without TLS"),
        ("syslog+tcp://a", "cef", Access(ca=Path("x")), "with TLS"),
        ("syslog+tls://a", "cef", Access(cert=Path("x")), "go together"),
        ("splunk+http://localhost", "jsonl", TOKEN, ""),
        ("otlp+https://a", "otlp", TOKEN, ""),
        ("-", "focus", Access(), ""),
        ("syslog+tls://a", "leef", Access(ca=Path("x")), ""),
    ],
)
def test_what_does_not_go_together(to: str, format: str, access: Access, said: str) -> None:
    found = mistake(Address.parse(to), format, access)
    assert said in found if said else not found


def test_names_of_cursors_and_their_streams() -> None:
    assert cursor_name(Address.parse("-"), "jsonl") == ""
    assert cursor_name(Address.parse("splunk+https://a.example"), "ocsf") == "ocsf-splunk-a-example-8088"
    assert cursor_name(Address.parse("file:/var/log/x.cef"), "cef") == "cef-file-var-log-x-cef"
    assert len(cursor_name(Address.parse("file:/" + "long/" * 60 + "x"), "cef")) <= 100
    assert (
        signals("cef") == [""]
        and signals("otlp") == ["traces", "metrics"]
        and signals("otlp", "metrics") == ["metrics"]
    )


@pytest.mark.parametrize(
    ("to", "format", "kinds"),
    [
        ("-", "cef", ["Stdout"]),
        ("file:/x/y", "ecs", ["File"]),
        ("syslog+tls://a", "cef", ["Syslog"]),
        ("splunk+https://a", "jsonl", ["Collector"]),
        ("https://a", "ocsf", ["Web"]),
        ("otlp+https://a", "otlp", ["Receiver", "Receiver"]),
    ],
)
def test_a_target_for_each(to: str, format: str, kinds: list[str]) -> None:
    found = targets(Address.parse(to), format, Access(), VERSION, signals(format), print)
    assert [type(target).__name__ for target in found] == kinds


def test_certificates_are_always_verified(tmp_path: Path) -> None:
    made = papers(tmp_path)
    for access in (Access(), Access(ca=made.ca), Access(ca=made.ca, cert=made.cert, key=made.key)):
        context = tls_context(access)
        assert context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    with pytest.raises(OSError):
        tls_context(Access(ca=tmp_path / "none"))
    (tmp_path / "empty").write_text("")
    with pytest.raises(OSError):
        tls_context(Access(cert=tmp_path / "empty", key=tmp_path / "empty"))
