"""Personal data by Presidio's recognizers and the packs' own patterns, run one pattern at a time.

Presidio's own loop skips a pattern that runs out of time, may fetch a domain list, and logs values it dislikes.
So its patterns, validators and context words are taken, and the loop is ours: time raises, nothing is fetched,
nothing is logged. No language model: what depends on the words around it needs one of its context words near it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from weir.dlp.core.detector import Detector
from weir.dlp.core.patterns import compile_pattern
from weir.dlp.personal import reserved
from weir.dlp.personal.cards import CardDetector
from weir.dlp.personal.checksums import CHECKSUMS
from weir.dlp.personal.context import ContextWords
from weir.dlp.personal.ibans import IbanDetector
from weir.dlp.personal.packs import GENERIC, Entity, chosen, digest, load_packs
from weir.dlp.personal.phones import PhoneDetector
from weir.dlp.personal.pii import BesideWords, EmailDetector, PatternDetector, surely
from weir.lean import import_late, lean

__all__ = ["DEFAULT_ENTITIES", "NER_ENTITIES", "UnknownEntity", "known_entities", "library_versions", "load_detectors"]

# What is the same everywhere, and the one national number that is known everywhere.
DEFAULT_ENTITIES = (*(entity.name for entity in load_packs()[GENERIC].entities if not entity.on_request), "US_SSN")

# What a language model finds; without one nothing does, but a policy may name them.
NER_ENTITIES = ("PERSON", "LOCATION", "NRP", "ORGANIZATION", "DATE_TIME")

_WEAK_SCORE = 0.4  # a pattern that Presidio itself scores lower proves little by its checksum alone
# Presidio's pattern begins with one of three characters that are also in what follows. In Hyperscan, beside other
# long repeats, that takes time in the square of the text's length: three minutes for 8 MB of digits.
_SHAPES = {"CRYPTO": "[a-zA-HJ-NP-Z0-9]{26}"}
_ZONE = "(?:%[0-9a-zA-Z]+)?"  # of an IPv6 address; the only part without a bound
# Characters that hold an address or wallet, whose patterns have no bound of their own.
_NEAR = {"IP_ADDRESS": 256, "CRYPTO": 256}
_REGIONS = ("US", "GB", "DE", "FR", "IL", "IN", "CA", "BR")  # those Presidio tries

Validate = Callable[[str], bool | None]


class UnknownEntity(ValueError):
    """An entity that nothing here finds. The message lists those there are."""


@cache
def library_versions() -> str:
    """The versions that decide what is found, the packs' included; part of the engine's version."""
    names = ("presidio-analyzer", "phonenumbers", "tldextract", "regex")
    return " ".join([*(f"{name}=={version(name)}" for name in names), f"packs=={digest()}"])


def known_entities() -> dict[str, Entity]:
    """Every entity that some pack has, by name."""
    return {entity.name: entity for pack in load_packs().values() for entity in pack.entities}


def load_detectors(
    entities: Sequence[str] | None,
    threshold: float,
    packs: Sequence[str] = (),
    thresholds: Mapping[str, float] | None = None,
) -> tuple[Detector, ...]:
    """Detectors for ``entities`` (DEFAULT_ENTITIES if None) and for all that ``packs`` look for unasked.

    They report scores of ``threshold`` and more; ``thresholds`` gives an entity one of its own. Takes about a second,
    most of it Presidio's import. Raises UnknownEntity or UnknownPack.
    """
    known = known_entities()
    countries = chosen(packs)
    wanted = list(DEFAULT_ENTITIES if entities is None else entities)
    wanted += [entity.name for pack in countries for entity in pack.entities if not entity.on_request]
    bars = thresholds or {}
    for name in (*wanted, *bars):
        if name not in known and name not in NER_ENTITIES:
            raise UnknownEntity(f"nothing finds {name}; write one of {', '.join(sorted({*known, *NER_ENTITIES}))}")
    _silence()
    regions = tuple(dict.fromkeys([*_REGIONS, *(region for pack in countries for region in pack.regions)]))
    detectors: list[Detector] = []
    for name in dict.fromkeys(wanted):
        if name in known:
            detectors += _together(_of_entity(known[name], bars.get(name, threshold), regions))
    return tuple(detectors)


def _silence() -> None:
    """Presidio's log lines can quote the value that a validator stumbled over."""
    for name in ("presidio-analyzer", "presidio_analyzer", "tldextract"):
        logging.getLogger(name).disabled = True


def _recognizer(name: str) -> Any:
    """Presidio's class of this name."""
    _import_lean()
    from presidio_analyzer import predefined_recognizers

    return getattr(predefined_recognizers, name)


def _import_lean() -> None:
    # Two of its recognizers name a class whose module wants spaCy, to say in a signature what it holds.
    lean("presidio_analyzer", "presidio_analyzer.nlp_engine.nlp_artifacts", "spacy.tokens", ("Doc", "Span"))
    import_late("tldextract", "filelock", "FileLock")


def _of_entity(entity: Entity, threshold: float, regions: Sequence[str]) -> Iterator[Detector]:
    recognizer = _recognizer(entity.recognizer)() if entity.recognizer else None
    theirs = () if recognizer is None else tuple(recognizer.context or ())
    context = ContextWords((*(entity.context or theirs), *entity.also))
    if entity.name == "PHONE_NUMBER":
        yield from _phones(entity, threshold, context, regions)
    elif entity.name == "CREDIT_CARD":
        yield CardDetector(severity=entity.severity, threshold=threshold, context=context)
    elif recognizer is not None and entity.name == "IBAN_CODE":
        yield IbanDetector(severity=entity.severity, threshold=threshold, validate=_iban_format(recognizer))
    elif recognizer is not None:
        yield from _of_recognizer(entity, recognizer, threshold, context)
    for own in entity.patterns:
        yield PatternDetector(
            entity=entity.name,
            severity=entity.severity,
            threshold=threshold,
            pattern=compile_pattern(own.regex),
            score=own.score,
            context=context,
            validate=CHECKSUMS[own.validator] if own.validator else _no_check,
            invalidate=_no_check,
            proves=bool(own.validator),
            needs_context=_strict(entity, own.score),
            doubtful=_bare if entity.needs_context == "bare" else surely,
        )


def _together(detectors: Iterable[Detector]) -> Iterator[Detector]:
    """The same, with the patterns that need a word as one detector."""
    beside: list[PatternDetector] = []
    for detector in detectors:
        if isinstance(detector, PatternDetector) and detector.beside_words:
            beside.append(detector)
        else:
            yield detector
    if beside:
        yield BesideWords(tuple(beside))


def _no_check(_value: str) -> bool | None:
    return None


def _strict(entity: Entity, score: float) -> bool:
    """Whether a hit counts only beside one of the entity's words."""
    return entity.needs_context == "always" or (entity.needs_context in ("weak", "bare") and score < _WEAK_SCORE)


def _bare(text: str, start: int, end: int) -> bool:
    return text[start:end].isdigit()


def _of_recognizer(
    entity: Entity, recognizer: Any, threshold: float, context: ContextWords
) -> Iterator[PatternDetector]:
    validate, invalidate = _checks(entity.name, recognizer)
    more: dict[str, Any] = {"doubtful": _bare if entity.needs_context == "bare" else surely}
    if entity.name == "IP_ADDRESS":
        more = {
            "doubtful": reserved.is_doubtful_address,
            "excluded": reserved.is_no_address,
            "cap": reserved.address_cap,
        }
    elif entity.name == "EMAIL_ADDRESS":
        more["cap"] = reserved.mail_cap
    kind = EmailDetector if entity.name == "EMAIL_ADDRESS" else PatternDetector
    for pattern in recognizer.patterns:
        if pattern.name in entity.without:
            continue
        yield kind(
            entity=entity.name,
            severity=entity.severity,
            threshold=threshold,
            pattern=compile_pattern(pattern.regex, int(recognizer.global_regex_flags)),
            score=pattern.score,
            context=context,
            validate=validate,
            invalidate=invalidate,
            proves=_proves(recognizer),
            needs_context=_strict(entity, pattern.score),
            shape=_shape(entity.name, pattern.regex),
            near=_NEAR.get(entity.name, 0),
            **more,
        )


def _shape(entity: str, regex: str) -> str:
    if entity == "IP_ADDRESS":
        return regex.replace(_ZONE, "")
    return _SHAPES.get(entity, "")


def _proves(recognizer: Any) -> bool:
    from presidio_analyzer import PatternRecognizer

    return type(recognizer).validate_result is not PatternRecognizer.validate_result


def _checks(entity: str, recognizer: Any) -> tuple[Validate, Validate]:
    """The recognizer's two checks, with ours where its own would use the network or says too much."""
    validate: Validate = recognizer.validate_result
    invalidate: Validate = recognizer.invalidate_result
    if entity == "EMAIL_ADDRESS":
        return _email_check(), reserved.is_nobodys_mailbox
    if entity == "IP_ADDRESS":
        return validate, lambda value: invalidate(value) or reserved.is_nobodys_address(value)
    return validate, invalidate


@cache
def _email_check() -> Validate:
    tldextract = import_late("tldextract", "filelock", "FileLock")
    # No URL to fetch from and no cache on disk: the list that ships with the package decides.
    extract = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=(), fallback_to_snapshot=True)
    extract("weir.example.com")  # reads the list now, not at the first message

    def has_public_domain(value: str) -> bool:
        return bool(extract(value).fqdn)

    return has_public_domain


def _iban_format(recognizer: Any) -> Validate:
    """Presidio knows what stands where in most countries' numbers."""
    from presidio_analyzer.predefined_recognizers.generic.iban_patterns import regex_per_country

    def has_format(plain: str) -> bool | None:
        valid: bool | None = recognizer.validate_result(plain) if plain[:2] in regex_per_country else None
        return valid

    return has_format


def _phones(entity: Entity, threshold: float, context: ContextWords, regions: Sequence[str]) -> Iterator[PhoneDetector]:
    recognizer = _recognizer("PhoneRecognizer")
    # A number with a country code means the same in every region: one pass instead of eight.
    international = (recognizer(supported_regions=("US",)),)
    national = tuple(recognizer(supported_regions=(region,)) for region in regions)

    def locate(text: str, has_country_code: bool) -> Sequence[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for one in international if has_country_code else national:
            found += [(result.start, result.end) for result in one.analyze(text, ["PHONE_NUMBER"])]
            if found and found[-1] == (0, len(text)):
                return found[-1:]  # no other region can find more
        return found

    locate("call 212-555-0100", False)  # reads the number tables now, not at the first message
    for beside_words in (False, True):
        yield PhoneDetector(
            severity=entity.severity,
            threshold=threshold,
            context=context,
            locate=locate,
            beside_words=beside_words,
            cap=reserved.phone_cap,
        )
