"""Check digits of national identifiers that Presidio has no recognizer for. Patterns in the packs name them.

Each function takes the value as it was found, with blanks and marks, and says whether its check digits are right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date

__all__ = ["CHECKSUMS", "luhn"]

_DOUBLED = {"0": 0, "1": 2, "2": 4, "3": 6, "4": 8, "5": 1, "6": 3, "7": 5, "8": 7, "9": 9}
_ASCII_DIGITS = frozenset("0123456789")


def _digits(value: str) -> list[int]:
    return [int(character) for character in value if character in _ASCII_DIGITS]


def _plain(value: str) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", value).upper()


def _weighted(digits: Sequence[int], weights: Sequence[int]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def luhn(value: str) -> bool:
    """ISO/IEC 7812-1: cards, IMEI, SIREN, SIRET, the Israeli ID."""
    digits = "".join(character for character in value if character in _ASCII_DIGITS)
    total = sum(map(int, digits[-1::-2])) + sum(map(_DOUBLED.__getitem__, digits[-2::-2]))
    return len(set(digits)) > 1 and total % 10 == 0


def at_svnr(value: str) -> bool:
    """Austria, Versicherungsnummer: the fourth of ten digits is the check digit, modulo 11; then a date."""
    digits = _digits(value)
    check = _weighted(digits, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11
    return len(digits) == 10 and digits[0] > 0 and check == digits[3]


def be_national(value: str) -> bool:
    """Belgium, Rijksregisternummer: the last two of eleven digits; from 2000 on a 2 is put before the others."""
    digits = "".join(character for character in value if character in _ASCII_DIGITS)
    if len(digits) != 11:
        return False
    return any(97 - int(century + digits[:9]) % 97 == int(digits[9:]) for century in ("", "2"))


def bg_egn(value: str) -> bool:
    """Bulgaria, EGN: ten digits, modulo 11."""
    digits = _digits(value)
    return len(digits) == 10 and _weighted(digits, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10 == digits[9]


def br_cpf(value: str) -> bool:
    """Brazil, CPF: two check digits, modulo 11."""
    digits = _digits(value)
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    return all(_weighted(digits, range(size + 1, 1, -1)) * 10 % 11 % 10 == digits[size] for size in (9, 10))


def br_cnpj(value: str) -> bool:
    """Brazil, CNPJ: two check digits, modulo 11, with the weights 2 to 9 from the right."""
    digits = _digits(value)
    if len(digits) != 14 or len(set(digits)) == 1:
        return False
    for size in (12, 13):
        total = sum(digit * (2 + place % 8) for place, digit in enumerate(reversed(digits[:size])))
        if (0 if total % 11 < 2 else 11 - total % 11) != digits[size]:
            return False
    return True


def ch_ahv(value: str) -> bool:
    """Switzerland, AHV number: an EAN-13 that begins with 756."""
    digits = _digits(value)
    return len(digits) == 13 and digits[:3] == [7, 5, 6] and _weighted(digits, (1, 3) * 7) % 10 == 0


def cl_rut(value: str) -> bool:
    """Chile, RUT: modulo 11 with a K for ten."""
    plain = _plain(value)
    total = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(plain[:-1])))
    return "0123456789K"[-total % 11] == plain[-1]


def cn_resident(value: str) -> bool:
    """China, resident identity card: ISO 7064 MOD 11-2 over 18 characters, with a date of birth."""
    plain = _plain(value)
    if len(plain) != 18 or not _is_date(int(plain[6:10]), int(plain[10:12]), int(plain[12:14])):
        return False
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(plain[:17]))
    return "10X98765432"[total % 11] == plain[17]


def cz_birth(value: str) -> bool:
    """Czechia and Slovakia, rodné číslo: ten digits that 11 divides; 50, 20 or both are added to the month."""
    digits = "".join(character for character in value if character in _ASCII_DIGITS)
    return len(digits) == 10 and 1 <= int(digits[2:4]) % 50 % 20 <= 12 and int(digits) % 11 == 0


def dk_cpr(value: str) -> bool:
    """Denmark, CPR number: only its date can be checked since 2007."""
    digits = "".join(character for character in value if character in _ASCII_DIGITS)
    return len(digits) == 10 and _is_date(2000 + int(digits[4:6]), int(digits[2:4]), int(digits[:2]))


def ee_personal(value: str) -> bool:
    """Estonia and Lithuania, personal code: modulo 11, with a second row of weights where the first gives ten."""
    digits = _digits(value)
    if len(digits) != 11:
        return False
    check = _weighted(digits, (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if check == 10:
        check = _weighted(digits, (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return check == digits[10]


def es_nuss(value: str) -> bool:
    """Spain, social security number: the last two of twelve digits are the rest modulo 97."""
    digits = "".join(character for character in value if character in _ASCII_DIGITS)
    if len(digits) != 12:
        return False
    number = digits[2:10]
    body = digits[:2] + (number[1:] if number[0] == "0" else number)
    return int(body) % 97 == int(digits[10:])


def fr_nir(value: str) -> bool:
    """France, NIR: 97 less the rest modulo 97; Corsica's 2A and 2B count as 19 and 18."""
    plain = _plain(value)
    body = plain[:13].replace("2A", "19").replace("2B", "18")
    return len(plain) == 15 and body.isdigit() and 97 - int(body) % 97 == int(plain[13:])


def ie_pps(value: str) -> bool:
    """Ireland, PPS number: a letter modulo 23; since 2013 a second letter counts nine times."""
    plain = _plain(value)
    total = _weighted(_digits(plain[:7]), range(8, 1, -1))
    if len(plain) == 9 and plain[8] != "W":
        total += 9 * (ord(plain[8]) - ord("A") + 1)
    return "WABCDEFGHIJKLMNOPQRSTUV"[total % 23] == plain[7]


def jp_my_number(value: str) -> bool:
    """Japan, My Number: the last of twelve digits, modulo 11."""
    digits = _digits(value)
    if len(digits) != 12:
        return False
    rest = _weighted(digits, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return (0 if rest <= 1 else 11 - rest) == digits[11]


def mx_curp(value: str) -> bool:
    """Mexico, CURP: the last of 18 characters, modulo 10 over an alphabet with Ñ."""
    plain = value.upper()
    alphabet = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    total = sum(alphabet.index(character) * (18 - place) for place, character in enumerate(plain[:17]))
    return str(-total % 10) == plain[17]


def nl_bsn(value: str) -> bool:
    """The Netherlands, BSN: the eleven test."""
    digits = _digits(value)
    return len(digits) == 9 and len(set(digits)) > 1 and _weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def no_birth(value: str) -> bool:
    """Norway, fødselsnummer: two check digits, modulo 11."""
    digits = _digits(value)
    if len(digits) != 11:
        return False
    first = -_weighted(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    second = -_weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return digits[9] == first and digits[10] == second


def pl_nip(value: str) -> bool:
    """Poland, NIP: the last of ten digits, modulo 11."""
    digits = _digits(value)
    return len(digits) == 10 and _weighted(digits, (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11 == digits[9]


def pl_regon(value: str) -> bool:
    """Poland, REGON: the last of nine digits, modulo 11."""
    digits = _digits(value)
    return len(digits) == 9 and _weighted(digits, (8, 9, 2, 3, 4, 5, 6, 7)) % 11 % 10 == digits[8]


def pt_nif(value: str) -> bool:
    """Portugal, NIF: the last of nine digits, modulo 11."""
    digits = _digits(value)
    if len(digits) != 9:
        return False
    rest = _weighted(digits, range(9, 1, -1)) % 11
    return (0 if rest < 2 else 11 - rest) == digits[8]


def ro_cnp(value: str) -> bool:
    """Romania, CNP: the last of thirteen digits, modulo 11."""
    digits = _digits(value)
    if len(digits) != 13:
        return False
    check = _weighted(digits, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return (1 if check == 10 else check) == digits[12]


CHECKSUMS: Mapping[str, Callable[[str], bool]] = {
    check.__name__: check
    for check in (
        *(luhn, at_svnr, be_national, bg_egn, br_cpf, br_cnpj, ch_ahv, cl_rut, cn_resident, cz_birth, dk_cpr),
        *(ee_personal, es_nuss, fr_nir, ie_pps, jp_my_number, mx_curp, nl_bsn, no_birth, pl_nip, pl_regon, pt_nif),
        ro_cnp,
    )
}
