"""``weir ca``: what it shows, what it exports, and that the key stays where it is."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

Process = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def made(weir, data: Path) -> Path:
    """A data directory with a CA."""
    assert weir("ca", "show", "--data", data).code == 0
    return data


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_show_makes_a_ca_once(weir, data: Path) -> None:
    first = weir("ca", "show", "--data", data)
    assert first.code == 0
    assert first.err == f"made a new CA in {data / 'ca'}\n"
    assert weir("ca", "show", "--data", data).err == ""
    assert stat.S_IMODE((data / "ca" / "weir-ca.key").stat().st_mode) == 0o600


def test_show_says_what_a_person_needs(weir, data: Path) -> None:
    out = weir("ca", "show", "--data", data).out
    assert "left" in out
    assert f"weirexec--data{data}" in "".join(out.split())  # a long path is wrapped
    assert "PRIVATE" not in out


def test_show_as_json(weir, data: Path) -> None:
    told = json.loads(weir("ca", "show", "--data", data, "--format", "json").out)
    certificate = x509.load_pem_x509_certificate(Path(told["certificate_pem"]).read_bytes())
    assert told["sha256"] == certificate.fingerprint(hashes.SHA256()).hex(":").upper()
    assert told["not_after"] == f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%S}Z"
    assert set(told) == {"name", "sha256", "not_before", "not_after", "certificate_pem", "certificate_der"}


def test_the_certificate_itself(weir, process: Process, data: Path) -> None:
    pem = weir("ca", "show", "--data", data, "--format", "pem").out
    assert pem == (data / "ca" / "weir-ca.pem").read_text()
    assert pem.count("BEGIN") == 1
    der = process("ca", "show", "--data", data, "--format", "der")
    assert der.stdout == (data / "ca" / "weir-ca.cer").read_bytes()
    p12 = process("ca", "show", "--data", data, "--format", "p12", "--out", data / "trust.p12")
    assert p12.returncode == 0
    assert p12.stdout == b""
    assert (data / "trust.p12").read_bytes()[:1] == b"\x30"


def test_a_file_gets_the_certificate(weir, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "weir.pem"
    assert weir("ca", "show", "--data", data, "--out", out)[:2] == (0, "")
    assert out.read_text() == (data / "ca" / "weir-ca.pem").read_text()


def test_bundle_makes_no_ca(weir, data: Path) -> None:
    done = weir("ca", "bundle", "--data", data)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"weir ca bundle: there is no weir data directory {data} here; name weir's with --data DIR\n"
    assert not data.exists()
    data.mkdir(mode=0o700)
    done = weir("ca", "bundle", "--data", data)
    assert (done.code, done.out) == (2, "")
    assert "holds no CA yet" in done.err
    assert not list(data.rglob("*.key"))


def test_bundle_is_the_public_roots_and_ours(weir, made: Path, tmp_path: Path) -> None:
    data = made
    done = weir("ca", "bundle", "--data", data)
    ours = (data / "ca" / "weir-ca.pem").read_text()
    assert done.code == 0
    assert ours in done.out
    assert done.out.count("BEGIN CERTIFICATE") == Path(certifi.where()).read_text().count("BEGIN CERTIFICATE") + 1
    assert "PRIVATE" not in done.out
    out = tmp_path / "roots.pem"
    assert weir("ca", "bundle", "--data", data, "--out", out).out == ""
    assert out.read_text() == done.out


def test_bundle_as_der_is_ours_alone(process: Process, made: Path) -> None:
    done = process("ca", "bundle", "--data", made, "--format", "der")
    assert done.stdout == (made / "ca" / "weir-ca.cer").read_bytes()


def test_what_cannot_be_done_is_one_line(weir, data: Path, tmp_path: Path) -> None:
    for form in ("text", "json"):
        done = weir("ca", "show", "--data", data, "--format", form, "--out", "x")
        assert (done.code, done.out) == (2, "")
        assert not data.exists()
    done = weir("ca", "show", "--data", data, "--format", "pem", "--out", tmp_path / "no" / "x")
    assert (done.code, done.out) == (1, "")
    assert "cannot be written" in done.err
    (data / "ca" / "weir-ca.key").write_text("no key")
    done = weir("ca", "bundle", "--data", data)
    assert (done.code, done.out) == (1, "")
    assert "weir-ca.key" in done.err
    assert "no key" not in done.err
    (tmp_path / "file").write_text("")
    assert weir("ca", "show", "--data", tmp_path / "file").code == 1
