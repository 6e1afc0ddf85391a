from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.detectors import Faulty, of, user
from harness.effort import within
from weir.dlp.core.detector import SecretDetector
from weir.dlp.core.engine import Engine
from weir.dlp.core.patterns import Deadline
from weir.dlp.core.prefilter import WINDOW_BYTES
from weir.dlp.core.recipe import Recipe
from weir.dlp.exact.exactmake import fingerprint as fingerprint_file
from weir.dlp.personal.presidio import UnknownEntity
from weir.dlp.rulebook.examples import expand
from weir.dlp.rulebook.rules import RuleError, load_rules
from weir.keys.virtual import new_key


def names(engine: Engine, text: str) -> list[tuple[str, str]]:
    scan = engine.scan(user(text))
    assert scan.complete, scan.reason
    return [(finding.detector, text[finding.start : finding.end]) for finding in scan.findings]


def test_every_rule_finds_its_examples_through_the_engine(engine: Engine) -> None:
    for rule in load_rules().rules:
        for example in rule.match:
            scan = engine.scan(user(example))
            assert scan.complete
            assert any(finding.category in ("secret", rule.category) for finding in scan.findings), rule.id


def test_findings(engine: Engine) -> None:
    key = expand("sk-proj-{b62:60}", "engine")
    scan = engine.scan(user("", "hello", f"key {key} for bob@acme.com"), "response")
    assert scan.complete and scan.reason == ""
    secret, mail = scan.findings
    assert (secret.detector, secret.category, secret.segment, secret.start) == ("secret/openai-key", "secret", 2, 4)
    assert (secret.severity, secret.direction, secret.end) == ("critical", "response", 4 + len(key))
    assert (mail.detector, mail.category, mail.score) == ("pii/EMAIL_ADDRESS", "pii", 1.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a ４１１１ １１１１ １１１１ １１１１ b", [("pii/CREDIT_CARD", "４１１１ １１１１ １１１１ １１１１")]),
        ("b\u200bo\u200bb@acme.com", [("pii/EMAIL_ADDRESS", "b\u200bo\u200bb@acme.com")]),
        ("naïve bob@acme.com", [("pii/EMAIL_ADDRESS", "bob@acme.com")]),
        ("\ud800\x00 10.20.30.40", [("pii/IP_ADDRESS", "10.20.30.40")]),
    ],
)
def test_text_outside_ascii(engine: Engine, text: str, expected: list[tuple[str, str]]) -> None:
    assert names(engine, text) == expected


def test_a_key_is_one_finding_however_many_rules_know_it(engine: Engine) -> None:
    key = expand("ghp_{b62:36}", "engine")
    assert names(engine, f'api_key = "{key}"') == [("secret/github-token", key)]


def test_what_two_categories_know_is_a_finding_of_both(tmp_path: Path) -> None:
    iban = "DE89 3704 0044 0532 0130 00"
    file = tmp_path / "h.fp"
    fingerprint_file(iter([(iban,)]), ("iban",), label="h", key=bytes(32), out=file)
    engine = Engine.load(entities=["IBAN_CODE"], exact=[file], exact_key=bytes(32), fingerprint_key=b"k")
    assert sorted(names(engine, f"pay {iban} now")) == [("exact/h", iban), ("pii/IBAN_CODE", iban)]


def test_fingerprints(engine: Engine) -> None:
    def fingerprint(text: str, subject: Engine = engine) -> str:
        (finding,) = subject.scan(user(text)).findings
        return finding.fingerprint

    first = fingerprint("bob@acme.com")
    assert len(first) == 32 and int(first, 16)
    assert first == fingerprint("to BOB@acme.com!") == fingerprint("ｂob@acme.com")
    assert first != fingerprint("rob@acme.com")
    assert fingerprint("4111 1111 1111 1111") == fingerprint("4111-1111-1111-1111")
    other = Engine.load(entities=["EMAIL_ADDRESS"], fingerprint_key=b"other")
    assert first != fingerprint("bob@acme.com", other)


def test_the_cache_saves_the_second_scan() -> None:
    detector = Faulty(hits=1)
    engine = of(detector)
    segments = user("x one", "x two two")
    assert engine.estimate_chars(segments) == engine.estimate_chars(segments, 20) == 14
    first, second = engine.scan(segments), engine.scan(segments)
    assert (first.scanned_chars, first.cached_chars) == (14, 0)
    assert (second.scanned_chars, second.cached_chars) == (0, 14)
    assert first.findings == second.findings
    assert engine.estimate_chars(segments) == 0
    assert detector.seen == ["x one", "x two two"]


def test_the_direction_is_not_cached(engine: Engine) -> None:
    segments = user("bob@acme.com")
    assert [engine.scan(segments, way).findings[0].direction for way in ("request", "response")] == [
        "request",
        "response",
    ]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError("canary"), "out of time in pii/FAULTY"),
        (ValueError("canary"), "ValueError in pii/FAULTY"),
        (RecursionError("canary"), "RecursionError in pii/FAULTY"),
        (UnicodeEncodeError("utf-8", "canary", 0, 1, "canary"), "UnicodeEncodeError in pii/FAULTY"),
        (KeyError("canary"), "KeyError in pii/FAULTY"),
        (AttributeError("canary"), "AttributeError in pii/FAULTY"),
        (MemoryError("canary"), "MemoryError in pii/FAULTY"),
    ],
)
def test_a_fault_makes_the_scan_incomplete_and_is_not_cached(error: BaseException, reason: str) -> None:
    faulty, other = Faulty(error, hits=1), Faulty(name="pii/OTHER", hits=2, width=3)
    engine = of(faulty, other)
    scan = engine.scan(user("x canary", "x canary"))
    assert (scan.complete, scan.reason) == (False, reason)
    assert {finding.detector for finding in scan.findings} == {"pii/OTHER"}
    assert len(faulty.seen) >= 2  # the second text, though the same, was not taken from the cache
    assert "canary" not in repr(scan)


def test_out_of_time_once_gets_a_second_chance() -> None:
    class Paused(Faulty):
        def find(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, float]]:
            if not self.seen:
                self.seen.append(text)
                raise TimeoutError
            yield from super().find(text, deadline)

    scan = of(Paused(hits=1)).scan(user("x"))
    assert scan.complete and len(scan.findings) == 1


def test_too_many_findings_in_one_text() -> None:
    scan = of(Faulty(hits=30)).scan(user("x" * 40))
    assert (scan.complete, scan.reason, len(scan.findings)) == (False, "more than 10 findings", 10)


def test_too_many_findings_in_all() -> None:
    engine = of(Faulty(hits=6))
    for _ in range(2):  # from the cache it is the same
        scan = engine.scan(user("x" * 20, "x" * 21, "x" * 22))
        assert (scan.complete, scan.reason, len(scan.findings)) == (False, "more than 10 findings", 10)


def test_hits_that_were_cut_off_are_told_even_when_they_join() -> None:
    scan = of(Faulty(hits=30, width=4)).scan(user("x" * 40))
    assert (scan.complete, scan.reason) == (False, "more than 10 findings")


def test_as_many_as_allowed_is_complete() -> None:
    assert of(Faulty(hits=10)).scan(user("x" * 40)).complete


def test_hostile_text_ends_in_time_and_is_not_clean(engine: Engine) -> None:
    scan = engine.scan(user("+1 111 111 1111 " * 20_000))
    assert not scan.complete and "PHONE_NUMBER" in scan.reason


def test_a_real_match_is_found_amid_hostile_text(engine: Engine) -> None:
    assert names(engine, "a." * 25_000 + " bob@acme.com") == [("pii/EMAIL_ADDRESS", "bob@acme.com")]


def test_the_version_follows_what_decides(engine: Engine, tmp_path: Path) -> None:
    def version(**change: object) -> str:
        settings: dict[str, object] = {"entities": ("US_SSN",), "fingerprint_key": b"k", **change}
        return Recipe(**settings).make().version  # type: ignore[arg-type]

    (tmp_path / "acme.yaml").write_text(
        "rules: [{id: secret/acme, description: d, severity: low, source: s, regex: acme9, match: [acme9], miss: [x]}]"
    )
    versions = [version(), version(entities=("CRYPTO",)), version(threshold=0.7), version(rule_dirs=(tmp_path,))]
    assert len(set(versions)) == 4
    assert version() == versions[0] == version(fingerprint_key=b"other")
    assert engine.version == version(entities=None)


def test_rules_below_the_threshold_do_not_report() -> None:
    engine = Engine.load(entities=[], threshold=0.9, fingerprint_key=b"k")
    assert "secret/openai-key" in engine.detectors
    assert "secret/password-assignment" not in engine.detectors


def test_load_refuses(tmp_path: Path) -> None:
    with pytest.raises(UnknownEntity):
        Engine.load(entities=["NOPE"], fingerprint_key=b"k")
    with pytest.raises(ValueError, match="fingerprint_key"):
        Engine.load(fingerprint_key=b"")
    (tmp_path / "bad.yaml").write_text("rules: 1")
    with pytest.raises(RuleError):
        Engine.load(rule_dirs=[tmp_path], fingerprint_key=b"k")


def test_the_prefilter_takes_every_detector(engine: Engine) -> None:
    assert engine.unfiltered == ()


def test_no_finding_and_no_log_carries_the_text(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = expand("sk-ant-api03-{b62:95}", "canary")
    canaries = (key, "canary.person@acme.com", "4111 1111 1111 1111", "s3cr3t-canary-9")
    text = f"{canaries[0]} {canaries[1]} {canaries[2]} password={canaries[3]}"
    scan = engine.scan(user(text))
    assert len(scan.findings) == 4
    shown = repr(scan) + str(scan) + caplog.text + repr(vars(engine))
    for canary in canaries:
        assert canary not in shown


def test_threads_find_the_same() -> None:
    engine = Engine.load(fingerprint_key=b"k", cache_entries=0)
    text = "to bob@acme.com, card 4111 1111 1111 1111, call +1 212 555 0123 " + "filler " * 500
    expected = engine.scan(user(text)).findings
    results: list[bool] = []

    def work() -> None:
        results.extend(engine.scan(user(text)).findings == expected for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 80
    assert len(expected) == 3


def test_secret_detectors_carry_their_rules(engine: Engine) -> None:
    assert {SecretDetector(rule).name for rule in load_rules().rules} <= set(engine.detectors)


SPLITTERS = [
    *("\x00", "\x08", "\x0b", "\x1b", "\x7f", "\x85", "\u3164", "\u115f", "\u180b", "\ufff9", "\u200b", "\ufe0f"),
    *("\ufffd", "\ud83d", "\ufeff", "\U0001d173", "\U000e0041", "\x00\u2060\x7f"),
]


@pytest.mark.parametrize("splitter", SPLITTERS, ids=ascii)
@pytest.mark.parametrize("at", [2, 4, 12])
def test_a_key_that_is_cut_by_what_is_not_seen(engine: Engine, splitter: str, at: int) -> None:
    key = expand("AKIA{b32:16}", "split")
    cut = key[:at] + splitter + key[at:]
    assert ("secret/aws-access-key-id", cut) in names(engine, f"deploy with {cut} please")


def test_a_value_between_nuls_is_found_as_it_stands(engine: Engine) -> None:
    key = expand("AKIA{b32:16}", "environ")
    found = names(engine, f"HOME=/home/x\0AWS_KEY={key}\0TERM=xterm")
    assert any(key in value for name, value in found if name.startswith("secret/"))


@pytest.mark.parametrize("around", ["{}", "/v1/{}/chat/completions", "x{}y", '{{"key": "{}"}}'])
def test_weirs_own_keys_are_secrets(engine: Engine, around: str) -> None:
    key = new_key()
    assert names(engine, around.format(key)) == [("secret/weir-virtual-key", key)]
    assert names(engine, around.format(key[:-1] + ("a" if key[-1] != "a" else "b"))) == []


def hostile(chars: int) -> str:
    unit = "card 4111 1111 1111 1112 a@b.co +1 415 555 267 DE89 3704 0044 0532 0130 0 password= token: curl -u "
    return (unit * (chars // len(unit) + 1))[:chars]


@pytest.mark.parametrize(
    "text",
    [
        hostile(4_000_000),
        "1" * 4_000_000,
        "0 " * 2_000_000,
        "a\u200b" * 2_000_000,
        "⑴\ufdfa" * 1_000_000,
        "server=x;" * 400_000,
    ],
    ids=["mixed", "digits", "runs", "invisible", "readings", "servers"],
)
def test_a_scan_ends_when_its_time_is_up(engine: Engine, text: str) -> None:
    engine._scanner.prefilter.hits("x" * WINDOW_BYTES * 2)  # what is compiled at the first long text
    begin = time.monotonic()
    scan = within(1.5, lambda: engine.scan(user(text), deadline_s=0.1))  # by the thread's own clock
    assert (scan.complete, scan.out_of_time) == (False, True)
    assert "out of time" in scan.reason
    assert time.monotonic() - begin < 20
    assert engine.estimate_chars(user(text)) == len(text)  # not remembered


def test_a_text_is_known_to_be_clean_once_it_was_scanned(engine: Engine) -> None:
    clean, key = "known to be clean after this", expand("sk-proj-{b62:60}", "known")
    assert not engine.is_known_clean(clean)
    engine.scan(user(clean, key))
    assert engine.is_known_clean(clean) and not engine.is_known_clean(key)
