"""Values that look like those of real people and belong to nobody, made at run time from a seed."""

from __future__ import annotations

import ipaddress
import random
import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import phonenumbers

from weir.dlp.personal.cards import network_lengths
from weir.dlp.personal.checksums import luhn
from weir.dlp.personal.ibans import country_lengths

_parser: Any = import_module("re._parser")
_c: Any = import_module("re._constants")

_FIRST = (
    "anna",
    "ben",
    "carla",
    "dmitri",
    "elif",
    "farid",
    "grace",
    "henrik",
    "ines",
    "jonas",
    "kira",
    "luca",
    "marta",
)
_LAST = ("berg", "costa", "dubois", "ekberg", "fischer", "garcia", "haas", "ivanov", "jansen", "kowalski", "lopez")
_DOMAINS = (
    *("gmail.com", "web.de", "orange.fr", "acme-corp.co.uk", "mail.uni-bonn.de", "example.com", "posta.example.org"),
    *(
        "firma.com.pl",
        "b\u00fccher.de",
        "m\u00fcller-stra\u00dfe.de",
        "xn--bcher-kva.de",
        "kpmg.com.au",
        "tele2.se",
        "x.io",
    ),
)
_EXTRA = "0123456789 -./()ABCDEFXYZabcxyz"


@cache
def _parsed(source: str, flags: int) -> Any:
    return _parser.parse(source, flags)


def grouped(text: str, sizes: tuple[int, ...], mark: str) -> str:
    """``text`` in groups of these sizes, the rest in one of its own."""
    parts, at = [], 0
    for size in sizes:
        parts.append(text[at : at + size])
        at += size
    return mark.join(part for part in (*parts, text[at:]) if part)


class Values:
    """Generators of values. The same seed gives the same values."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def digits(self, count: int) -> str:
        return "".join(self.random.choices("0123456789", k=count))

    def email(self) -> str:
        first, last, pick = self.random.choice(_FIRST), self.random.choice(_LAST), self.random.choice
        local = pick([f"{first}.{last}", f"{first}_{last}", f"{first[0]}{last}", f"{last}{self.digits(2)}"])
        local = pick([local, local, local.title(), f"{local}+{pick(['news', 'a.b', '2024'])}", f"{first}-{last}"])
        domain = pick(_DOMAINS)
        return f"{local}@{pick([domain, domain, domain.upper()])}"

    def card(self) -> str:
        """A number of a network that is still issued, in one of the forms that people use."""
        pick = self.random.choice
        prefix, length = pick(
            [
                *(("4", 16), ("4", 16), ("4", 19), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15)),
                *(("37", 15), ("6011", 16), ("622126", 16), ("644", 16), ("65", 16), ("3528", 16), ("3589", 16)),
                *(
                    ("36", 14),
                    ("300", 14),
                    ("38", 14),
                    ("62", 16),
                    ("62", 19),
                    ("6759", 16),
                    ("5018", 12),
                    ("2200", 16),
                ),
                *(("6521", 16), ("508", 16), ("9792", 16), ("506700", 16), ("606282", 16)),
            ]
        )
        assert length in network_lengths()[prefix][0]
        number = self.with_luhn(prefix, length)
        forms: list[tuple[int, ...]] = {
            16: [(4, 4, 4, 4), (16,)],
            19: [(4, 4, 4, 4, 3), (19,)],
            15: [(4, 6, 5), (15,)],
            14: [(4, 6, 4), (14,)],
        }.get(length, [(4, 4, 4)])
        return grouped(number, pick(forms), pick(" -"))

    def with_luhn(self, prefix: str, length: int) -> str:
        while True:
            body = prefix + self.digits(length - len(prefix) - 1)
            for check in "0123456789":
                if luhn(body + check):
                    return body + check

    def iban(self) -> str:
        country = self.random.choice(["DE", "FR", "GB", "ES", "IT", "NL", "PL", "SE", "AT", "BE", "CH", "PT", "IE"])
        size = country_lengths()[country] - 4
        letters = {"GB": 4, "NL": 4, "IE": 4}.get(country, 0)
        while True:
            bban = "".join(self.random.choices("ABCDEFGHKLMNPRSTW", k=letters)) + self.digits(size - letters)
            if country == "IT":
                bban = "X" + bban[1:]
            number = int("".join(str(int(character, 36)) for character in f"{bban}{country}00"))
            plain = f"{country}{98 - number % 97:02d}{bban}"
            form = self.random.choice(["plain", "spaced", "spaced", "lower", "lower spaced", "dashed"])
            written = grouped(plain, (4,) * 8, "-" if form == "dashed" else " ") if "p" not in form[:1] else plain
            written = plain if form == "lower" else written
            return written.lower() if "lower" in form else written

    def ssn(self) -> str:
        area = self.random.choice([n for n in range(1, 900) if n not in (666, 123, 987)])
        group, serial = self.random.randrange(1, 100), self.random.randrange(1, 10_000)
        mark = self.random.choice("--- .")
        return f"{area:03d}{mark}{group:02d}{mark}{serial:04d}"

    def address(self) -> str:
        pick = self.random.choice
        if pick([True, True, False]):
            host = ".".join(str(self.random.randrange(11, 224)) for _ in range(4))
            return pick([host, host, host, f"{host}/24"]).replace("127.", "126.", 1)
        whole = ipaddress.IPv6Address(self.random.getrandbits(128) >> 3 | 0x2000 << 112)
        short = ipaddress.IPv6Address((0x2A00 << 112) | self.random.randrange(1, 1 << 32))
        local = f"fe80::{self.random.randrange(1, 65536):x}:{self.random.randrange(1, 65536):x}"
        return pick([str(whole), whole.exploded, str(short), f"{short}/64", local, f"{local}%eth0", str(whole).upper()])

    def phone(self, region: str) -> tuple[str, str]:
        """A valid number of ``region`` and how it is written: international, national or plain."""
        kind = self.random.choice([phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE])
        example = phonenumbers.example_number_for_type(region, kind)
        for _ in range(500):
            body = str(example.national_number)
            keep = self.random.randrange(2, max(3, len(body) - 3))
            number = phonenumbers.PhoneNumber(example.country_code, int(body[:keep] + self.digits(len(body) - keep)))
            number.italian_leading_zero = example.italian_leading_zero
            if phonenumbers.is_valid_number_for_region(number, region):
                break
        else:
            number = example
        form = self.random.choice(["international", "international", "plain", "national", "national"])
        code = {
            "international": phonenumbers.PhoneNumberFormat.INTERNATIONAL,
            "national": phonenumbers.PhoneNumberFormat.NATIONAL,
            "plain": phonenumbers.PhoneNumberFormat.E164,
        }[form]
        written = phonenumbers.format_number(number, code)
        if form != "plain" and self.random.random() < 0.3:
            written = written.replace(" ", self.random.choice(["-", ".", "/", " "]))
        return written, form

    def matching(self, source: str, flags: int = 0) -> str:
        """A text that the pattern ``source`` very likely matches; its assertions are not looked at."""
        return self._of(_parsed(source, flags), {})

    def valid(self, source: str, flags: int, check: Callable[[str], bool | None], tries: int = 60) -> str:
        """A text that matches ``source`` and passes ``check``, if one is found in so many tries."""
        value = self.matching(source, flags)
        for _ in range(tries):
            if re.search(r"\d", value) is None or check(value) is not False:
                return value
            value = self.matching(source, flags)
        return value

    def _of(self, nodes: Any, groups: dict[int, str]) -> str:
        return "".join(self._one(op, value, groups) for op, value in nodes)

    def _one(self, op: Any, value: Any, groups: dict[int, str]) -> str:
        pick = self.random.choice
        if op is _c.LITERAL:
            return chr(value)
        if op in (_c.AT, _c.ASSERT, _c.ASSERT_NOT):
            return ""
        if op is _c.BRANCH:
            return self._of(pick(value[1]), groups)
        if op is _c.SUBPATTERN:
            made = self._of(value[3], groups)
            groups[value[0] or 0] = made
            return made
        if op is _c.GROUPREF:
            return groups.get(value, "")
        if op in (_c.MAX_REPEAT, _c.MIN_REPEAT, _c.POSSESSIVE_REPEAT):
            low, high, inner = value
            return "".join(self._of(inner, groups) for _ in range(self.random.randint(low, min(int(high), low + 6))))
        if op is _c.IN:
            return self._member(value)
        return pick("abcdef123456") if op in (_c.ANY, _c.NOT_LITERAL) else ""

    def _member(self, items: Any) -> str:
        if items[0][0] is _c.NEGATE:
            return self.random.choice("abcxyz")
        op, value = self.random.choice(items)
        if op is _c.RANGE:
            return chr(self.random.randint(value[0], min(value[1], value[0] + 60)))
        if op is _c.CATEGORY:
            return self.random.choice(
                {_c.CATEGORY_DIGIT: "0123456789", _c.CATEGORY_SPACE: " "}.get(value, "abcXYZ019_")
            )
        return chr(value)
