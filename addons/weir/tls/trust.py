"""Trust bundles, and the environment that makes unmodified clients use the proxy and trust its CA."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

import certifi

from weir.datadir import write_public

__all__ = ["SHELLS", "TrustError", "client_bundle", "environment", "merged_bundle", "shell_lines"]

NO_PROXY = ("localhost", "127.0.0.1", "::1")

# Each names a file that REPLACES the runtime's roots: it gets the bundle, public roots and our CA.
REPLACING = (
    "SSL_CERT_FILE",  # OpenSSL, Go on Linux, httpx, truststore, Ruby, uv
    "REQUESTS_CA_BUNDLE",  # requests
    "CURL_CA_BUNDLE",  # curl, requests
    "AWS_CA_BUNDLE",  # boto3, AWS CLI
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",  # gRPC core
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
    "PIP_CERT",
    "HTTPLIB2_CA_CERTS",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "NIX_SSL_CERT_FILE",
)
# Each names a file that is ADDED to the runtime's roots: our CA alone, so that theirs stay theirs.
ADDING = (
    "NODE_EXTRA_CA_CERTS",  # Node, Bun, Electron
    "DENO_CERT",
)
PROXY = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")

_POSIX = ("sh", "bash", "zsh", "dash", "ksh")
SHELLS = (*_POSIX, "fish", "powershell", "cmd")
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class TrustError(Exception):
    """A CA file cannot be used; the message names it."""


def merged_bundle(dest: Path, extra: Sequence[Path]) -> Path:
    """Write the public roots and the certificates in ``extra`` (PEM) to ``dest``: what weir trusts upstream.

    Raises TrustError when an extra file is unreadable or holds no certificate.
    """
    public = certifi.contents().rstrip() + "\n"
    seen = {_der(block) for block in _BLOCK.findall(public)}
    parts = [public]
    for path in extra:
        for der in _certificates(path):
            if der not in seen:
                seen.add(der)
                parts.append("\n" + ssl.DER_cert_to_PEM_cert(der))
    write_public(dest, "".join(parts).encode("ascii", "replace"))
    return dest


def client_bundle(dest: Path, ca_pem: Path, extra: Sequence[Path] = ()) -> Path:
    """Write the public roots, weir's CA and ``extra`` to ``dest``: what clients trust who know one file only."""
    return merged_bundle(dest, (ca_pem, *extra))


def environment(
    proxy_url: str, bundle: Path, ca_pem: Path, no_proxy: Sequence[str] = NO_PROXY, inherited: str = ""
) -> dict[str, str]:
    """The variables that send a program's traffic through ``proxy_url`` and make it trust weir's CA.

    ``bundle`` is a ``client_bundle``, ``ca_pem`` our certificate alone. ``inherited`` is the NO_PROXY in force, which
    is kept and added to: hosts that must not go through any proxy still don't.
    """
    direct = dict.fromkeys([*(part.strip() for part in inherited.split(",") if part.strip()), *no_proxy])
    env = dict.fromkeys(PROXY, proxy_url)
    env["NO_PROXY"] = env["no_proxy"] = ",".join(direct)
    env["NODE_USE_ENV_PROXY"] = "1"  # Node's own fetch looks at the proxy variables only then
    env |= dict.fromkeys(REPLACING, str(bundle.absolute()))
    env |= dict.fromkeys(ADDING, str(ca_pem.absolute()))
    return env


def shell_lines(env: Mapping[str, str], shell: str) -> list[str]:
    """One line a variable that sets it in ``shell`` (one of ``SHELLS``; ``cmd`` lines are for a batch file).

    Raises ValueError for an unknown shell, a bad name, or a value the shell cannot hold.
    """
    if shell not in SHELLS:
        raise ValueError(f"unknown shell {shell!r}; choose {', '.join(SHELLS)}")
    return [_line(shell, name, value) for name, value in env.items()]


def _line(shell: str, name: str, value: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a variable name")
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise ValueError(f"the value of {name} has control characters")
    if shell in _POSIX:
        return f"export {name}='{value.replace("'", "'\\''")}'"
    if shell == "fish":
        quoted = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"set -gx {name} '{quoted}'"
    if shell == "powershell":
        # PowerShell takes typographic single quotes for quotes too; doubled, each stands for itself.
        return f"$env:{name} = '{re.sub("(['\u2018\u2019\u201a\u201b])", r'\1\1', value)}'"
    if '"' in value:
        raise ValueError(f'the value of {name} has a " in it, which cmd cannot hold')
    return f'set "{name}={value.replace("%", "%%")}"'


def _certificates(path: Path) -> list[bytes]:
    """The DER form of every certificate in a PEM file."""
    try:
        text = path.read_bytes().decode("ascii", "replace")
    except OSError as error:
        raise TrustError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        found = [_der(block) for block in _BLOCK.findall(text)]
        for der in found:
            # Whoever will verify with it is asked whether it is one: a broken entry can spoil a whole bundle.
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=der)
    except (ValueError, ssl.SSLError):
        raise TrustError(f"{path}: holds a damaged certificate") from None
    if not found:
        raise TrustError(f"{path}: holds no PEM certificate")
    return found


def _der(block: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(block)
