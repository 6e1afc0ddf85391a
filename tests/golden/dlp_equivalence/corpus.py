"""Documents for the comparison with full Presidio: made from every pattern of every recognizer, right and wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from golden.dlp_equivalence.full import recognizers
from golden.dlp_equivalence.values import Values, grouped
from weir.dlp.personal.checksums import CHECKSUMS, luhn
from weir.dlp.personal.packs import load_packs

__all__ = ["documents", "edges", "values_of_every_pattern"]

_PROSE = (
    "The weir lets the water through and holds back what must not leave.",
    "Bitte prüfen Sie den Vertrag bis Freitag und geben Sie Bescheid.",
    "Le client demande un remboursement pour la commande de mars.",
    "El informe trimestral está listo para su revisión.",
    "Il cliente ha chiesto una copia della fattura di marzo.",
    "De vergadering is verplaatst naar dinsdagmiddag om 14:30.",
    "Spotkanie odbędzie się w środę, proszę o potwierdzenie.",
    "会議は来週の火曜日に変更されました。",
    "Встреча перенесена на вторник, 10:15.",
    "اجتماع الفريق يوم الثلاثاء.",
    "Order 4711 left the warehouse on 2024-05-06 with 12 boxes of 3.5 kg each.",
    "See section 4.2.1 of RFC 9110 and commit 3f786850e387550fdab836ed7e6dc881de23001b.",
)
_CODE = (
    'customer["{key}"] = "{value}"',
    "if row.{key} == '{value}': return None",
    "INSERT INTO people ({key}) VALUES ('{value}');",
    '{{"{key}": "{value}", "n": 17}}',
    "export {KEY}={value}",
    "# {key}: {value}",
)
_CHAT = ("hi, my {word} is {value}, thanks!", "{word}: {value}?", "is {value} the right {word}", "{value}\n{word}\n")
_LOGS = (
    "2024-05-06T07:08:09.123Z INFO worker[17] {word}={value} status=200 took=12ms",
    '10.20.30.40 - - [06/May/2024:07:08:09 +0000] "GET /v1/{value} HTTP/1.1" 200 512',
)
# From Bitcoin's own documentation.
_WALLETS = ("1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")
_MARKS = (
    " ",
    "\t",
    "  ",
    " , ",
    ";",
    "|",
    "\n",
    " | ",
    '","',
    "(",
    ")",
    "<",
    ">",
    "/",
    "_",
    "-",
    ".",
    "x",
    "1",
    "é",
    "、",
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern of one entity: how to make values, and words that may stand beside them."""

    entity: str
    make: Callable[[], str]
    words: tuple[str, ...]


def values_of_every_pattern(values: Values) -> list[Pattern]:
    """Presidio's patterns, those that the packs add, and what only code makes."""
    made: list[Pattern] = []

    def add(entity: str, source: str, flags: int, check: Callable[[str], bool | None], words: tuple[str, ...]) -> None:
        def make() -> str:
            return values.valid(source, flags, check if values.random.random() < 0.7 else lambda _value: None)

        made.append(Pattern(entity, make, words))

    known = {entity.recognizer: entity for pack in load_packs().values() for entity in pack.entities}
    for name, recognizer in recognizers().items():
        entity = known[name]
        words = tuple(word.strip("*") for word in (*(entity.context or recognizer.context or ()), *entity.also))
        for pattern in recognizer.patterns:
            # (?i) anywhere but in front is an error for the parser that makes values.
            source = re.sub(r"\(\?i\)", "", pattern.regex)
            flags = int(recognizer.global_regex_flags) & (re.DOTALL | re.MULTILINE)
            add(recognizer.supported_entities[0], source, flags, recognizer.validate_result, words)
    for pack in load_packs().values():
        for entity in pack.entities:
            words = tuple(word.strip("*") for word in (*entity.context, *entity.also))
            for own in entity.patterns:
                check = CHECKSUMS[own.validator] if own.validator else lambda _value: None
                add(entity.name, re.sub(r"\(\?i\)", "", own.regex), 0, check, words)
    for name, make, word in (
        ("EMAIL_ADDRESS", values.email, "mail"),
        ("CREDIT_CARD", values.card, "card"),
        ("IBAN_CODE", values.iban, "IBAN"),
        ("US_SSN", values.ssn, "SSN"),
        ("CRYPTO", lambda: values.random.choice(_WALLETS), "wallet"),
        ("IP_ADDRESS", values.address, "host"),
        ("PHONE_NUMBER", lambda: values.phone(values.random.choice(["US", "GB", "DE", "FR", "IN", "BR"]))[0], "phone"),
    ):
        made += [Pattern(name, make, (word,))] * 4
    return made


def edges(seed: int) -> Iterator[str]:
    """Documents for differences that are too rare to come by chance."""
    values = Values(seed)
    yield "pay " + "DE89" + "370400440532013000" + "7 now"
    yield "tel +49 30 1234567 ext 5"
    yield "write to user@example.com or your.name@example.org"
    while not luhn((card := values.with_luhn("4", 16)) + (more := values.digits(3))):
        pass
    yield f"{grouped(card, (4, 4, 4), ' ')} {more}"


def documents(seed: int, count: int) -> Iterator[str]:
    """``count`` documents; every pattern takes part about equally often."""
    values = Values(seed)
    patterns = values_of_every_pattern(values)
    pick = values.random.choice
    for number in range(count):
        first = patterns[number % len(patterns)]
        kind = (_sparse, _dense, _code, _chat, _log, _hostile)[number // len(patterns) % 6]
        several = [first, *(pick(patterns) for _ in range(values.random.randrange(0, 6)))]
        yield kind(values, several)


def _word(values: Values, pattern: Pattern) -> str:
    """One of the pattern's words, or one that says nothing."""
    words = pattern.words or ("value",)
    return (
        values.random.choice(words) if values.random.random() < 0.6 else values.random.choice(("value", "item", "ref"))
    )


def _sparse(values: Values, patterns: list[Pattern]) -> str:
    pick = values.random.choice
    first = patterns[0]
    return f"{pick(_PROSE)} {pick(_PROSE)} {_word(values, first)} {first.make()}. {pick(_PROSE)}"


def _dense(values: Values, patterns: list[Pattern]) -> str:
    mark = values.random.choice((",", ";", "\t", " | "))
    head = mark.join(_word(values, pattern) for pattern in patterns)
    return head + "\n" + "\n".join(mark.join(pattern.make() for pattern in patterns) for _ in range(2))


def _code(values: Values, patterns: list[Pattern]) -> str:
    lines = []
    for pattern in patterns[:3]:
        key = re.sub(r"\W+", "_", _word(values, pattern))
        lines.append(values.random.choice(_CODE).format(key=key, KEY=key.upper(), value=pattern.make()))
    return "def load(path):\n    " + "\n    ".join(lines) + "\n"


def _chat(values: Values, patterns: list[Pattern]) -> str:
    lines = [values.random.choice(_CHAT).format(word=_word(values, p), value=p.make()) for p in patterns[:3]]
    return f"user: {values.random.choice(_PROSE)}\nassistant: " + "\nuser: ".join(lines)


def _log(values: Values, patterns: list[Pattern]) -> str:
    return "\n".join(values.random.choice(_LOGS).format(word=_word(values, p), value=p.make()) for p in patterns[:4])


def _hostile(values: Values, patterns: list[Pattern]) -> str:
    """Values pushed together with whatever may stand between them."""
    parts = []
    for pattern in patterns:
        parts += [values.random.choice(_MARKS), pattern.make(), values.random.choice(_MARKS), _word(values, pattern)]
    return "".join(parts)
