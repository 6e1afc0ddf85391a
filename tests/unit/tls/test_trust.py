"""Bundles and environments."""

from __future__ import annotations

import re
import shutil
import ssl
import stat
import subprocess
from pathlib import Path

import certifi
import pytest

from weir.tls.ca import CaFiles, ensure_ca
from weir.tls.trust import SHELLS, TrustError, client_bundle, environment, merged_bundle, shell_lines


def certificates(path: Path) -> list[bytes]:
    """DER of each, without judging them: some old public roots are odd."""
    blocks = re.findall("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", path.read_text(), re.DOTALL)
    return [ssl.PEM_cert_to_DER_cert(block) for block in blocks]


PUBLIC = certificates(Path(certifi.where()))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> CaFiles:
    return ensure_ca(tmp_path_factory.mktemp("ca"))


def test_a_bundle_adds_and_never_replaces(tmp_path: Path, files: CaFiles) -> None:
    dest = merged_bundle(tmp_path / "upstream.pem", [files.pem, files.pem, Path(certifi.where())])
    found = certificates(dest)
    assert found == [*PUBLIC, files.export("der")]
    assert stat.S_IMODE(dest.stat().st_mode) == 0o644
    context = ssl.create_default_context(cafile=str(dest))
    assert len(context.get_ca_certs()) > 100


def test_without_extras_it_is_the_public_roots(tmp_path: Path) -> None:
    dest = merged_bundle(tmp_path / "upstream.pem", [])
    assert certificates(dest) == PUBLIC


def test_clients_get_our_ca_too(tmp_path: Path, files: CaFiles) -> None:
    other = ensure_ca(tmp_path)
    dest = client_bundle(tmp_path / "clients.pem", files.pem, [other.pem])
    found = certificates(dest)
    assert found == [*PUBLIC, files.export("der"), other.export("der")]


def test_a_useless_extra_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match=r"missing\.pem: cannot be read"):
        merged_bundle(tmp_path / "out", [tmp_path / "missing.pem"])
    (tmp_path / "empty.pem").write_text("nothing here")
    with pytest.raises(TrustError, match=r"empty\.pem: holds no PEM certificate"):
        merged_bundle(tmp_path / "out", [tmp_path / "empty.pem"])
    block = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
    for damaged in ("AAAA", "not base64!", "MIIB"):
        (tmp_path / "broken.pem").write_text(block.format(damaged))
        with pytest.raises(TrustError, match=r"broken\.pem: holds a damaged certificate"):
            merged_bundle(tmp_path / "out", [tmp_path / "broken.pem"])
    assert not (tmp_path / "out").exists()


def test_every_known_variable_is_set(tmp_path: Path) -> None:
    env = environment("http://127.0.0.1:8080", tmp_path / "bundle.pem", tmp_path / "ca.pem")
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        assert env[name] == "http://127.0.0.1:8080"
    replacing = (
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "AWS_CA_BUNDLE",
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
        "GIT_SSL_CAINFO",
        "CARGO_HTTP_CAINFO",
        "PIP_CERT",
    )
    for name in replacing:
        assert env[name] == str(tmp_path / "bundle.pem")
    for name in ("NODE_EXTRA_CA_CERTS", "DENO_CERT"):
        assert env[name] == str(tmp_path / "ca.pem")
    assert env["NO_PROXY"] == env["no_proxy"] == "localhost,127.0.0.1,::1"
    assert env["NODE_USE_ENV_PROXY"] == "1"


def test_paths_are_absolute_and_an_inherited_no_proxy_is_kept() -> None:
    env = environment(
        "http://p:1", Path("b.pem"), Path("c.pem"), no_proxy=("localhost",), inherited=".corp, localhost,"
    )
    assert Path(env["SSL_CERT_FILE"]).is_absolute()
    assert Path(env["NODE_EXTRA_CA_CERTS"]).is_absolute()
    assert env["NO_PROXY"] == ".corp,localhost"


NASTY = "a b'c\"d$(e)`f`\\g%h!i*~;&|<>#\\'ü\u2019"


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "dash", "ksh"])
def test_posix_lines_survive_a_real_shell(shell: str) -> None:
    (line,) = shell_lines({"WEIR_X": NASTY}, shell)
    real = shutil.which("sh")
    assert real
    out = subprocess.run([real, "-c", f'{line}\nprintf %s "$WEIR_X"'], capture_output=True, check=True, timeout=60)
    assert out.stdout.decode() == NASTY
    assert out.stderr == b""


@pytest.mark.parametrize(
    ("shell", "value", "line"),
    [
        ("fish", "it's \\ $x", r"set -gx A 'it\'s \\ $x'"),
        ("powershell", "it's \u2019 $x `y`", "$env:A = 'it''s \u2019\u2019 $x `y`'"),
        ("cmd", "50% & more ^ !", 'set "A=50%% & more ^ !"'),
        ("bash", "", "export A=''"),
    ],
)
def test_quoting(shell: str, value: str, line: str) -> None:
    assert shell_lines({"A": value}, shell) == [line]


@pytest.mark.parametrize("shell", SHELLS)
def test_what_no_line_can_hold_is_refused(shell: str) -> None:
    for bad in ("a\nb", "a\rb", "a\x00b", "\x1b[0m"):
        with pytest.raises(ValueError, match="has control characters"):
            shell_lines({"A": bad}, shell)
    for name in ("", "1A", "A B", "A;B", "A=B"):
        with pytest.raises(ValueError, match="is not a variable name"):
            shell_lines({name: "x"}, shell)
    assert shell_lines({}, shell) == []


def test_cmd_cannot_hold_a_double_quote_and_unknown_shells_are_named() -> None:
    with pytest.raises(ValueError, match="cmd cannot hold"):
        shell_lines({"A": '"'}, "cmd")
    with pytest.raises(ValueError, match="choose sh, bash"):
        shell_lines({}, "tcsh")
