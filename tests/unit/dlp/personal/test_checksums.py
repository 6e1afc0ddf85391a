from __future__ import annotations

import pytest

from weir.dlp.personal.checksums import CHECKSUMS, luhn

# Published sample values of the issuing offices or of their standards; none belongs to anybody.
RIGHT = {
    "luhn": ["4111 1111 1111 1111", "79927398713"],
    "at_svnr": ["1237 010180"],
    "be_national": ["85.07.30-033.28"],
    "bg_egn": ["7523169263"],
    "br_cpf": ["529.982.247-25", "11144477735"],
    "br_cnpj": ["11.222.333/0001-81"],
    "ch_ahv": ["756.9217.0769.85"],
    "cl_rut": ["12.345.678-5", "11.111.111-1"],
    "cn_resident": ["11010519491231002X"],
    "cz_birth": ["710319/2745"],
    "dk_cpr": ["010180-1234"],
    "ee_personal": ["37605030299"],
    "es_nuss": ["281234567840"],
    "fr_nir": ["1 84 12 76 451 089 46", "2 54 06 2A 234 567 17"],
    "ie_pps": ["1234567T", "1234567FA"],
    "jp_my_number": ["1234 5678 9018"],
    "mx_curp": ["HEGG560427MVZRRL04"],
    "nl_bsn": ["111222333", "1234.56.782"],
    "no_birth": ["01010750160"],
    "pl_nip": ["123-456-32-18"],
    "pl_regon": ["123456785"],
    "pt_nif": ["123 456 789"],
    "ro_cnp": ["1800101221144"],
}


def changed(value: str) -> str:
    """``value`` with another digit in a place that counts."""
    place = max(place for place, character in enumerate(value[:-1]) if character.isdigit())
    return value[:place] + str((int(value[place]) + 1) % 10) + value[place + 1 :]


def test_every_check_has_samples() -> None:
    assert set(RIGHT) == set(CHECKSUMS)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in RIGHT.items() for value in values])
def test_right_and_wrong(name: str, value: str) -> None:
    assert CHECKSUMS[name](value)
    if name != "dk_cpr":
        assert not CHECKSUMS[name](changed(value))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dk_cpr", "320180-1234"),
        ("br_cpf", "11111111111"),
        ("br_cnpj", "0" * 14),
        ("cn_resident", "110105194913310024"),
    ],
)
def test_what_only_looks_right(name: str, value: str) -> None:
    assert not CHECKSUMS[name](value)


def test_one_digit_over_and_over_is_no_number() -> None:
    assert not luhn("0000 0000 0000 0000")
