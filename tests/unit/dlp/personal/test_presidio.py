from __future__ import annotations

import logging
import socket
from collections.abc import Callable

import pytest

from weir.dlp.core.detector import Detector
from weir.dlp.core.patterns import Deadline
from weir.dlp.personal.packs import UnknownPack, load_packs
from weir.dlp.personal.presidio import DEFAULT_ENTITIES, UnknownEntity, known_entities, library_versions, load_detectors


@pytest.fixture(scope="module")
def detectors() -> tuple[Detector, ...]:
    return load_detectors(None, 0.5)


def found(detectors: tuple[Detector, ...], text: str) -> set[tuple[str, str]]:
    return {
        (detector.name.removeprefix("pii/"), text[start:end])
        for detector in detectors
        for start, end, _ in detector.find(text, Deadline(60))
    }


CARD = " ".join(["4111", "1111", "1111", "1111"])
IBAN = " ".join(["DE89", "3704", "0044", "0532", "0130", "00"])
SSN = "-".join(["219", "09", "9999"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to bob.smith@acme.com.", {("EMAIL_ADDRESS", "bob.smith@acme.com")}),
        ("bob@localhost and a@b.invalidtld", set()),
        (f"card {CARD}.", {("CREDIT_CARD", CARD)}),
        (f"card {CARD[:-1]}2.", set()),
        ("card 2223 0031 2200 3222", {("CREDIT_CARD", "2223 0031 2200 3222")}),
        ("card 378282246310005", {("CREDIT_CARD", "378282246310005")}),
        (f"pay {IBAN} now", {("IBAN_CODE", IBAN)}),
        (f"pay {IBAN[:-1]}1 now", set()),
        (f"number {SSN}", {("US_SSN", SSN)}),
        ("ssn: 219099999", {("US_SSN", "219099999")}),
        ("order 219099999", set()),
        ("ssn 000-12-3456", set()),
        ("host 10.20.30.40 and 2001:db8::7", {("IP_ADDRESS", "10.20.30.40"), ("IP_ADDRESS", "2001:db8::7")}),
        ("127.0.0.1 0.0.0.0 ::1 999.1.1.1", set()),
        ("std::vector<int> a::b", set()),
        ("call +1 212 555 0123", {("PHONE_NUMBER", "+1 212 555 0123")}),
        ("call (212) 555-0123", {("PHONE_NUMBER", "(212) 555-0123")}),
        ("tel 030 12345678", {("PHONE_NUMBER", "030 12345678")}),
        ("id 20240102123344 on 2024-01-02", set()),
        ("to 1BoatSLRHtKNngkdXEeobR76b53LETtpyT", {("CRYPTO", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT")}),
        ("to 1BoatSLRHtKNngkdXEeobR76b53LETtpyU", set()),
        ("nothing to see", set()),
    ],
)
def test_default_entities(detectors: tuple[Detector, ...], text: str, expected: set[tuple[str, str]]) -> None:
    assert found(detectors, text) == expected


def test_all_default_entities_have_detectors(detectors: tuple[Detector, ...]) -> None:
    assert {detector.name.removeprefix("pii/") for detector in detectors} == set(DEFAULT_ENTITIES)


def test_other_entities_when_asked_for() -> None:
    chosen = load_detectors(["ES_NIF", "UK_NHS", "URL"], 0.5)
    assert {detector.name.removeprefix("pii/") for detector in chosen} == {"ES_NIF", "UK_NHS", "URL"}
    assert found(chosen, "nif 12345678Z") == {("ES_NIF", "12345678Z")}
    # A checksum that one number in eleven passes needs a context word.
    assert found(chosen, "order 943 476 5919") == set()
    assert found(chosen, "nhs 943 476 5919") == {("UK_NHS", "943 476 5919")}
    # No schema, no address: program text is full of a.b.
    assert found(chosen, "os.path.in") == set()


def test_none_at_all() -> None:
    assert load_detectors([], 0.5) == ()


def test_an_unknown_entity_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownEntity, match=r"nothing finds E_MAIL; write one of .*EMAIL_ADDRESS"):
        load_detectors(["E_MAIL"], 0.5)


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    fresh = load_detectors(["EMAIL_ADDRESS"], 0.5)
    assert found(fresh, "bob@acme.co.uk") == {("EMAIL_ADDRESS", "bob@acme.co.uk")}


def test_presidio_logs_nothing(detectors: tuple[Detector, ...], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    found(detectors, "pay DE٨9 3704 0044 0532 0130 00, card 4111 1111 1111 1111, bob@acme.com")
    logging.getLogger("presidio-analyzer").error("Failed to validate text %s", "canary")
    assert caplog.records == []


def test_long_words_take_no_time(detectors: tuple[Detector, ...]) -> None:
    assert ("EMAIL_ADDRESS", "bob@acme.com") in found(detectors, "a." * 20_000 + " bob@acme.com")


def test_versions_are_told() -> None:
    assert "presidio-analyzer==" in library_versions()


def test_threshold(detectors: tuple[Detector, ...]) -> None:
    strict: Callable[[str], set[tuple[str, str]]] = lambda text: found(load_detectors(None, 0.9), text)  # noqa: E731
    assert strict("10.20.30.40 +1 212 555 0123") == set()
    assert strict("bob@acme.com") == {("EMAIL_ADDRESS", "bob@acme.com")}


def test_packs_add_their_entities() -> None:
    chosen = load_detectors(["EMAIL_ADDRESS"], 0.5, ("uk", "nl", "uk"))
    names = {detector.name for detector in chosen}
    assert {"pii/EMAIL_ADDRESS", "pii/UK_NHS", "pii/NL_BSN"} <= names
    assert "pii/CREDIT_CARD" not in names
    assert found(chosen, "bsn 111222333") == {("NL_BSN", "111222333")}


def test_an_unknown_pack_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownPack, match=r"there is no pack gb; write one of .*uk"):
        load_detectors(None, 0.5, ("gb",))


def test_an_entitys_own_threshold() -> None:
    chosen = load_detectors(["US_SSN", "IP_ADDRESS"], 0.5, thresholds={"US_SSN": 0.6})
    assert found(chosen, f"{SSN} at 10.20.30.40") == {("IP_ADDRESS", "10.20.30.40")}
    assert found(chosen, f"ssn {SSN}") == {("US_SSN", SSN)}
    with pytest.raises(UnknownEntity, match="nothing finds US_SNN"):
        load_detectors(None, 0.5, thresholds={"US_SNN": 0.6})


def test_what_a_language_model_finds_may_be_named_without_one() -> None:
    assert load_detectors(["PERSON"], 0.5, thresholds={"LOCATION": 0.9}) == ()


def test_every_recognizer_of_presidio_is_in_a_pack() -> None:
    from golden.dlp_equivalence.full import recognizers

    assert len(recognizers()) >= 90
    assert set(recognizers()) == {entity.recognizer for entity in known_entities().values() if entity.recognizer}
    for name, entity in known_entities().items():
        if entity.recognizer:
            there = recognizers()[entity.recognizer]
            assert there.supported_entities == [name]
            assert set(entity.without) <= {pattern.name for pattern in there.patterns}


def test_all_packs_load_and_none_runs_on_every_text() -> None:
    chosen = load_detectors(tuple(known_entities()), 0.5, tuple(load_packs()))
    assert {detector.name for detector in chosen} == {f"pii/{name}" for name in known_entities()}
    assert all(detector.sources for detector in chosen)


@pytest.mark.parametrize(
    ("pack", "text", "expected"),
    [
        ("de", "Steuer-ID: 86095742719", {("DE_TAX_ID", "86095742719")}),
        ("de", "order 86095742719", set()),
        ("fr", "NIR 1 84 12 76 451 089 46", {("FR_NIR", "1 84 12 76 451 089 46")}),
        ("br", "529.982.247-25", {("BR_CPF", "529.982.247-25")}),
        ("br", "52998224725", set()),
        ("ca", "my SIN is 130 692 544", {("CA_SIN", "130 692 544")}),
        ("ca", "since 130 692 544", set()),
        ("kr", "주민등록번호는 900101-1234568", {("KR_RRN", "900101-1234568")}),
        ("it", "RSSMRA85T10A562S", {("IT_FISCAL_CODE", "RSSMRA85T10A562S")}),
        ("pl", "PESEL 44051401359", {("PL_PESEL", "44051401359")}),
    ],
)
def test_countries(pack: str, text: str, expected: set[tuple[str, str]]) -> None:
    assert found(load_detectors([], 0.5, (pack,)), text) == expected
