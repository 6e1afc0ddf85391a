"""Personal data by Presidio's recognizers, run one pattern at a time.

Presidio's own loop skips a pattern that runs out of time, may fetch a domain list, and logs values it dislikes.
So its patterns, validators and context words are taken, and the loop is ours: time raises, nothing is fetched,
nothing is logged. No language model: what depends on the words around it needs one of its context words before it.
"""

from __future__ import annotations

import inspect
import ipaddress
import logging
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Any

from weir.dlp.patterns import Pattern, compile_pattern
from weir.dlp.pii import ContextWords, EmailDetector, GroupedDetector, PatternDetector, PhoneDetector, PiiDetector

__all__ = ["DEFAULT_ENTITIES", "UnknownEntity", "library_versions", "load_detectors"]

DEFAULT_ENTITIES = (
    "EMAIL_ADDRESS",
    "CREDIT_CARD",
    "IBAN_CODE",
    "US_SSN",
    "PHONE_NUMBER",
    "IP_ADDRESS",
    "CRYPTO",
)

_SEVERITY = {"CREDIT_CARD": "high", "IBAN_CODE": "high", "US_SSN": "high", "IP_ADDRESS": "low", "URL": "low"}
# Presidio's own words are too common for bare digits: "security" before an SSN, "number" and "call" before a phone.
_CONTEXT = {
    "US_SSN": ("ssn", "social security", "social-security", "soc sec", "ss#"),
    "PHONE_NUMBER": (
        *("phone", "telephone", "tel", "mobile", "cellphone", "cell phone", "fax", "whatsapp", "sms", "dial"),
        *("call me", "call us", "reach me", "telefon", "handy", "téléphone"),
    ),
}
_CLASSES = {
    "EMAIL_ADDRESS": "EmailRecognizer",
    "CREDIT_CARD": "CreditCardRecognizer",
    "IBAN_CODE": "IbanRecognizer",
    "US_SSN": "UsSsnRecognizer",
    "IP_ADDRESS": "IpRecognizer",
    "CRYPTO": "CryptoRecognizer",
}
# Their checksum lets through one number in ten or so, and Presidio then scores them 1.0.
_WEAK_CHECKSUM = ("UK_NHS", "MEDICAL_LICENSE")
_SURE_SCORE = 0.4  # a pattern that Presidio itself scores lower proves little by its checksum alone
_NOISY_PATTERNS = ("Non schema URL", "Quoted Non-schema URL")  # every a.b in program text
# Mastercard's 2221–2720 range, which Presidio's pattern lacks; the checksum decides as for the others.
_MASTERCARD_2 = (
    "Mastercard 2-series",
    r"\b2(?:22[1-9]|2[3-9]\d|[3-6]\d{2}|7[01]\d|720)[- ]?\d{4}[- ]?\d{4}[- ]?\d{4}\b",
    0.3,
)

# Presidio's pattern begins with one of three characters that are also in what follows. In Hyperscan, beside other
# long repeats, that takes time in the square of the text's length: three minutes for 8 MB of digits.
_SHAPES = {"CRYPTO": "[a-zA-HJ-NP-Z0-9]{26}"}

Validate = Callable[[str], bool | None]


class UnknownEntity(ValueError):
    """An entity that no recognizer here finds. The message lists those there are."""


def library_versions() -> str:
    """The versions that decide what is found; part of the engine's version."""
    names = ("presidio-analyzer", "phonenumbers", "tldextract", "regex")
    return " ".join(f"{name}=={version(name)}" for name in names)


def load_detectors(entities: Sequence[str] | None, threshold: float) -> tuple[PiiDetector, ...]:
    """Detectors for ``entities`` (DEFAULT_ENTITIES if None) that report scores of ``threshold`` and more.

    Takes about a second, most of it Presidio's import. Raises UnknownEntity.
    """
    wanted = tuple(dict.fromkeys(DEFAULT_ENTITIES if entities is None else entities))
    _silence()
    known = dict(_CLASSES)
    if set(wanted) - set(known) - {"PHONE_NUMBER"}:
        known |= {entity: name for entity, name in _inventory().items() if entity not in known}
    detectors: list[PiiDetector] = []
    for entity in wanted:
        if entity == "PHONE_NUMBER":
            detectors.append(_phone(threshold))
        elif entity in known:
            detectors += _of_recognizer(entity, _recognizers()[known[entity]](), threshold)
        else:
            there = ", ".join(sorted({*known, "PHONE_NUMBER"}))
            raise UnknownEntity(f"no recognizer finds {entity}; write one of {there}")
    return tuple(detectors)


def _silence() -> None:
    """Presidio's log lines can quote the value that a validator stumbled over."""
    for name in ("presidio-analyzer", "presidio_analyzer", "tldextract"):
        logging.getLogger(name).disabled = True


def _recognizers() -> dict[str, Any]:
    from presidio_analyzer import predefined_recognizers

    return vars(predefined_recognizers)


def _inventory() -> dict[str, str]:
    """Every entity that some pattern recognizer finds, and that recognizer's class."""
    from presidio_analyzer import PatternRecognizer

    known: dict[str, str] = {}
    for name, found in sorted(_recognizers().items()):
        if inspect.isclass(found) and issubclass(found, PatternRecognizer):
            make: Any = found  # the predefined ones all know their entity and patterns
            for entity in make().supported_entities:
                known.setdefault(entity, name)
    return known


def _of_recognizer(entity: str, recognizer: Any, threshold: float) -> Iterator[PiiDetector]:
    context = ContextWords(_CONTEXT.get(entity, tuple(recognizer.context or ())))
    patterns = [(pattern.name, pattern.regex, pattern.score) for pattern in recognizer.patterns]
    if entity == "CREDIT_CARD":
        patterns.append(_MASTERCARD_2)
    validate, invalidate = _checks(entity, recognizer)
    for name, regex, score in patterns:
        if name in _NOISY_PATTERNS:
            continue
        strict = entity in _WEAK_CHECKSUM or (entity not in DEFAULT_ENTITIES and score < _SURE_SCORE)
        compiled: Pattern = compile_pattern(regex, int(recognizer.global_regex_flags))
        kind = {"EMAIL_ADDRESS": EmailDetector, "IBAN_CODE": GroupedDetector}.get(entity, PatternDetector)
        yield kind(
            entity=entity,
            severity=_SEVERITY.get(entity, "medium"),
            threshold=threshold,
            pattern=compiled,
            score=score,
            context=context,
            validate=validate,
            invalidate=invalidate,
            needs_context=strict,
            shape=_SHAPES.get(entity, ""),
        )


def _checks(entity: str, recognizer: Any) -> tuple[Validate, Validate]:
    """The recognizer's two checks, with ours where its own would use the network or says too much."""
    validate: Validate = recognizer.validate_result
    invalidate: Validate = recognizer.invalidate_result
    if entity == "EMAIL_ADDRESS":
        validate = _email_check()
    if entity == "IP_ADDRESS":
        return validate, lambda value: invalidate(value) or _is_nobodys_address(value)
    return validate, invalidate


def _email_check() -> Validate:
    import tldextract

    # No URL to fetch from and no cache on disk: the list that ships with the package decides.
    extract = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=(), fallback_to_snapshot=True)
    extract("weir.example.com")  # reads the list now, not at the first message

    def has_public_domain(value: str) -> bool:
        return bool(extract(value).fqdn)

    return has_public_domain


def _is_nobodys_address(value: str) -> bool:
    """Loopback and unspecified addresses are in every configuration file and name no machine.

    Without a single digit it is program text (``a::b`` is a valid IPv6 address).
    """
    if not any(character.isdigit() for character in value):
        return True
    address = ipaddress.ip_interface(value).ip
    return address.is_loopback or address.is_unspecified


def _phone(threshold: float) -> PhoneDetector:
    recognizer = _recognizers()["PhoneRecognizer"]
    # A number with a country code means the same in every region: one pass instead of eight.
    international, national = recognizer(supported_regions=("US",)), recognizer()

    def locate(text: str, has_country_code: bool) -> Sequence[tuple[int, int]]:
        found = (international if has_country_code else national).analyze(text, ["PHONE_NUMBER"])
        return [(result.start, result.end) for result in found]

    locate("call 212-555-0100", False)  # reads the number tables now, not at the first message
    context = ContextWords(_CONTEXT["PHONE_NUMBER"])
    return PhoneDetector(severity="medium", threshold=threshold, context=context, locate=locate)
