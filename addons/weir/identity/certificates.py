"""Client certificates: is the chain one of the given CA's, and whom does its name stand for. Pure.

That the client holds the key was proved by the TLS handshake; mitmproxy does not look at the chain, so this does.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from weir.model import Principal

__all__ = ["STRENGTH", "Certificates", "NameRule", "Shown"]

STRENGTH = 3
CHAIN_MAX = 8
DER_MAX = 64 * 1024  # bytes of one certificate
_VALUE_MAX = 512
_WILD = re.compile(r"(\*+|\?|\[!?\]?[^\]]*\])")


@dataclass(frozen=True, slots=True)
class NameRule:
    """Names of one kind that match a glob, and whom they stand for; ``{san}`` in a field is the name.

    Of a ``uri``, ``*``, ``?`` and ``[…]`` match within one part between slashes, as whoever writes a SPIFFE id means;
    ``**`` matches any number of parts.
    """

    kind: str  # uri | dns | email | ip
    glob: str
    principal: Principal

    @classmethod
    def parse(cls, san: str, principal: Principal) -> Self:
        """From ``kind:glob``. Raises ValueError when the kind is unknown."""
        kind, _, glob = san.partition(":")
        if kind not in ("uri", "dns", "email", "ip") or not glob:
            raise ValueError("a certificate's name is written uri:…, dns:…, email:… or ip:…")
        return cls(kind, glob, principal)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a certificate proved: a principal, or why there is none. ``why`` quotes nothing of it."""

    principal: Principal | None
    why: str = ""


class Certificates:
    """The CA certificates to believe (PEM) and the rules for names. Raises ValueError when the PEM holds none."""

    def __init__(self, ca_pem: bytes, rules: Sequence[NameRule]) -> None:
        try:
            roots = x509.load_pem_x509_certificates(ca_pem)
        except ValueError:
            raise ValueError("the file for client certificates holds no CA certificate") from None
        self.roots = tuple(roots)
        self._store = Store(roots)
        self._rules = [(rule, _pattern(rule)) for rule in rules]

    def lookup(self, chain: Sequence[bytes], now: float) -> Shown:
        """Whom the DER ``chain`` (the client's own first) stands for at ``now``, seconds since the epoch."""
        if not chain:
            return Shown(None)
        if len(chain) > CHAIN_MAX or any(len(der) > DER_MAX for der in chain):
            return Shown(None, "the client's certificate chain is too long")
        try:
            leaf, *others = [x509.load_der_x509_certificate(der) for der in chain]
            if len({one.subject for one in others}) < len(others):
                # Each one could have signed each other: trying all paths through four took half a minute.
                return Shown(None, "the client's certificate chain holds one issuer twice")
            verifier = PolicyBuilder().store(self._store).time(datetime.fromtimestamp(now, UTC)).build_client_verifier()
            verified = verifier.verify(leaf, others)
            for_clients = _for_clients(leaf)
        except VerificationError:
            return Shown(None, "the client's certificate is not of the given CA, or not valid now")
        except (ValueError, TypeError, x509.DuplicateExtension, x509.InvalidVersion):
            return Shown(None, "the client's certificate cannot be read")
        if not for_clients:
            return Shown(None, "the client's certificate is not meant for clients")
        names = [pair for pair in map(_named, verified.subjects or ()) if pair]
        for rule, glob in self._rules:
            for kind, value in names:
                if kind == rule.kind and glob.fullmatch(value):
                    return Shown(_principal(rule.principal, value))
        return Shown(None, "no rule of the policy matches the client's certificate")


def _pattern(rule: NameRule) -> re.Pattern[str]:
    if rule.kind != "uri":
        return re.compile(fnmatch.translate(rule.glob))
    return re.compile("".join(_part(piece) for piece in _WILD.split(rule.glob)), re.DOTALL)


def _part(piece: str) -> str:
    """A piece of a glob as a regular expression: one wildcard, or text between two."""
    if piece.startswith("*"):
        return "[^/]*" if piece == "*" else ".*"
    if piece == "?":
        return "[^/]"
    if _WILD.fullmatch(piece):
        return f"(?!/)(?:{fnmatch.translate(piece)[:-2]})"  # less its end-of-text
    return re.escape(piece)


def _for_clients(leaf: x509.Certificate) -> bool:
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True  # then the CA has not narrowed it
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage


def _named(name: x509.GeneralName) -> tuple[str, str] | None:
    if isinstance(name, x509.UniformResourceIdentifier):
        kind, value = "uri", name.value
    elif isinstance(name, x509.DNSName):
        kind, value = "dns", name.value.lower()
    elif isinstance(name, x509.RFC822Name):
        local, at, domain = name.value.rpartition("@")
        kind, value = "email", f"{local}{at}{domain.lower()}"
    elif isinstance(name, x509.IPAddress):
        kind, value = "ip", str(name.value)
    else:
        return None
    return (kind, value) if len(value) <= _VALUE_MAX and value.isprintable() else None


def _principal(who: Principal, san: str) -> Principal:
    filled = {name: getattr(who, name).replace("{san}", san) for name in ("user", "team", "app", "device")}
    return replace(who, method="certificate", strength=STRENGTH, **filled)
