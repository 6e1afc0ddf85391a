"""Texts for benchmarks and tests of the DLP engine: made from a seed, the same in every run."""

from __future__ import annotations

import base64
import os
import random
import string
from pathlib import Path

from weir.model import Segment

__all__ = ["chat", "code", "filled", "hostile", "key", "prose"]

_SAID = (
    "the river runs past old stone walls and every ledger in this harbour keeps a record of what was sold to whom when "
    "market day came around again so that people could read it later if they wished while the engine kept time"
)
WORDS = _SAID.split()
VALUES = (
    "bob.{n}@acme-corp.com",
    "card 4111 1111 1111 1111",
    "DE89 3704 0044 0532 0130 00",
    "call +1 212 555 {n:04}",
    "10.20.{b}.40",
    "ssn 536-22-{n:04}",
)


def prose(chars: int, seed: int) -> str:
    """English-looking text with a number here and there, and nothing to find."""
    chance, words, length = random.Random(seed), list[str](), 0
    while length < chars:
        word = chance.choice(WORDS)
        dice = chance.random()
        if dice < 0.03:
            word += f" {chance.randrange(2000)}"
        elif dice < 0.11:
            word += chance.choice(".,;\n")
        words.append(word)
        length += len(word) + 1
    return " ".join(words)[:chars]


def filled(chars: int, every: int, seed: int) -> str:
    """`prose` with a value to be found after each `every` characters."""
    chance = random.Random(seed)
    text, parts = prose(chars, seed), list[str]()
    for at in range(0, chars, every):
        value = chance.choice(VALUES).format(n=chance.randrange(1000, 9999), b=chance.randrange(10, 250))
        cut = chance.randrange(1, every)
        parts += [text[at : at + cut], " ", value, " ", text[at + cut : at + every]]
    return "".join(parts)[:chars]


def code(chars: int, count: int) -> list[str]:
    """`count` pieces of the standard library's source."""
    whole = "".join(path.read_text(errors="replace") for path in sorted(Path(os.__file__).parent.glob("*.py")))
    step = max(1, (len(whole) - chars) // count)
    return [whole[at : at + chars] for at in range(0, step * count, step)]


def key(seed: str) -> str:
    """A made-up token in the form of a GitHub one: put together here, so that no file holds one."""
    chance = random.Random(seed)
    return "gh" + "p_" + "".join(chance.choices(string.ascii_letters + string.digits, k=36))


def chat(turns: int) -> list[Segment]:
    """The messages of a chat after so many turns."""
    return [
        Segment(f"/messages/{n}/content", "assistant" if n % 2 else "user", filled(900 + 131 * (n % 7), 5000, n))
        for n in range(2 * turns - 1)
    ]


def hostile(chars: int) -> dict[str, str]:
    """Texts of about `chars` characters that make one part of a scanner or another work hard."""
    chance = random.Random(7)
    letters = string.ascii_letters + string.digits
    units = {
        "mixed": "card 4111 1111 1111 1112 a@b.co +1 415 555 267 DE89 3704 0044 0532 0130 0 password= curl -u ",
        "digits": "1",
        "digit groups": "1234 5678 ",
        "phones": "+1 212 555 0100 ",
        "almost phones": "+1 111 111 1111 ",
        "letters": "a",
        "hex": "0123456789abcdef",
        "dots": "a.",
        "at signs": "a@",
        "mails": "a@b.co ",
        "almost mails": "a.b-c_d@e-",
        "colons": "1:",
        "addresses": "10.20.30.40 ",
        "almost addresses": "999.999.",
        "ibans": "DE89370400440532013000 ",
        "almost ibans": "DE89 3704 ",
        "cards": "4111111111111111 ",
        "passwords": "password=",
        "servers": "server=x;",
        "curls": "curl -u x:",
        "urls": "https://user:",
        "keys begun": "-----BEGIN RSA PRIVATE KEY-----\n",
        "tokens begun": "eyJhbGciOi.eyJ",
        "quotes": "\"'",
        "braces": "{[(",
        "spaces": " ",
        "lines": "\n",
        "tabs": "\t=\t",
        "zero width": "a\u200b",
        "full width": "１",
        "letters that expand": "\ufdfa",
        "nuls": "k\x00",
        "percent": "%25",
        "escapes": "\\u0041",
        "entities": "&#65;",
        "backslashes": "\\",
        "equals": "a=",
        "base64 begun": "QUJD",
        "spaced letters": "s k - ",
        "contexts": "ssn phone card ",
        "cyrillic": "раssword ",
    }
    texts = {name: (unit * (chars // len(unit) + 1))[:chars] for name, unit in units.items()}
    texts["random letters"] = "".join(chance.choices(letters, k=chars))
    texts["random digits"] = "".join(chance.choices(string.digits + "  -.", k=chars))
    texts["random bytes"] = "".join(map(chr, chance.choices(range(1, 0xD7FF), k=chars)))
    nested = b"x" * (chars // 4)
    for _ in range(4):
        nested = base64.b64encode(nested)
    texts["base64 in base64"] = nested.decode()[:chars]
    return texts
