"""Tells documentation values (``changeme``, ``<your-key>``, ``AKIAIOSFODNN7EXAMPLE``) from real ones.

Two strengths: `is_sample` is certain enough for tokens with a vendor's prefix, `is_filler` also knows the words and
references that stand where a password would, and serves the generic rules only.
"""

from __future__ import annotations

import re
import string
from math import log2

__all__ = ["before", "entropy_bits", "is_filler", "is_sample"]

_SAMPLE = re.compile(
    r"example|redacted|placeholder|your[-_]?(?:api|key|token|secret|own)|"
    r"x{6}|\*{4}|\.{4}|#{4}|-{6}|_{6}|<[^<>]{1,40}>|\[redacted|0{10}|1234567890|deadbeef",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"change[-_ ]?(?:me|this|it)|^(?:your|my|some|the|an?)[-_ ]|^(?:test|dummy|fake|sample|mock|demo|todo|tbd|foo|bar)|"
    r"^(?:none|null|nil|undefined|true|false|string|secret|password|passwd|token|key|default|required|optional|empty|"
    r"unset|value|admin|root|guest|hidden|masked)\d{0,4}$|pass(?:word|phrase)|insert|replace|x{4}|"
    r"^(?:process|os|env|config|settings|self|this|args|params|request|options|secrets|vars|var|local|data|input|ctx)\.|"
    r"^(?:get|load|read|fetch|generate|create|make|build|parse)[A-Z_]",
    re.IGNORECASE,
)
# ${VAR}, $(cmd), {{ tpl }}, {name}, %(name)s, %VAR%, $VAR, @Microsoft.KeyVault(…), ENC[…], !vault, arn:…
_REFERENCE = re.compile(r"^(?:\$|\{|%|@|!|&|ENC\[|arn:|vault:|env:|file:|op://|<|\[)|[({\[]\S*[)}\]]|\$\{")
_RUNS = string.ascii_lowercase + string.ascii_lowercase, string.digits + string.digits


# What weir itself writes in place of a finding. Its words must not count as the words of whoever wrote the text:
# "<PHONE_NUMBER_1> 12345678" says nothing about the second number.
_LABEL = re.compile(r"\[REDACTED:[^\]\s]{1,64}\]|<[A-Z][A-Z0-9_]{0,64}_[0-9]{1,9}>")
_LABEL_CHARS_MAX = 80


def before(text: str, start: int, reach_chars: int) -> str:
    """Up to ``reach_chars`` of ``text`` before ``start``, but nothing from before the last label that weir wrote."""
    near = text[max(0, start - reach_chars - _LABEL_CHARS_MAX) : start]
    if "[" in near or "<" in near:
        ends = [label.end() for label in _LABEL.finditer(near)]
        near = near[ends[-1] :] if ends else near
    return near[-reach_chars:]


def is_sample(value: str) -> bool:
    """True when ``value`` can only be documentation: it says so, or is one character or one sequence over and over."""
    if _SAMPLE.search(value):
        return True
    return len(set(value)) <= min(4, max(2, len(value) // 12)) or _is_sequence(value.lower())


def is_filler(value: str) -> bool:
    """True when ``value`` stands where a secret would but is a word, a reference to a variable or a sample."""
    return is_sample(value) or bool(_FILLER.search(value)) or bool(_REFERENCE.search(value))


def _is_sequence(value: str) -> bool:
    """True when eight in a row of ``value`` run through the alphabet or the digits and little else is there."""
    if len(value) < 8:
        return any(value in run for run in _RUNS)
    if len(value) > 40:
        return False
    return sum(value[at : at + 4] in run for at in range(len(value) - 3) for run in _RUNS) * 2 >= len(value) - 3


def entropy_bits(value: str) -> float:
    """Shannon entropy of the characters of ``value``, in bits a character; 0.0 for the empty text."""
    total = len(value)
    counts = (value.count(character) for character in set(value))
    return -sum(count / total * log2(count / total) for count in counts) if total else 0.0
