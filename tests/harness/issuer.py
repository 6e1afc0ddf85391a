"""An issuer of tokens for tests: keys made at run time, key sets, and tokens with anything wrong that one asks for."""

from __future__ import annotations

import base64
import functools
from dataclasses import dataclass
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

__all__ = [
    "AUDIENCE",
    "ISSUER",
    "NOW",
    "SigningKey",
    "b64",
    "claims",
    "ec_key",
    "ed_key",
    "jwks",
    "raw_token",
    "rsa_key",
]

ISSUER = "https://login.example.com/tenant"
AUDIENCE = "weir"
NOW = 1_800_000_000.0


@dataclass(frozen=True)
class SigningKey:
    """A private key, the algorithm it signs with, and its id."""

    private: Any
    alg: str
    kid: str

    def jwk(self, **more: object) -> dict[str, Any]:
        """The public half as an entry of a key set."""
        kinds: dict[str, Any] = {"R": RSAAlgorithm, "P": RSAAlgorithm, "E": ECAlgorithm}
        algorithm = OKPAlgorithm if self.alg == "EdDSA" else kinds[self.alg[0]]
        entry: dict[str, Any] = algorithm.to_jwk(self.private.public_key(), as_dict=True)
        return entry | {"kid": self.kid, "use": "sig"} | more

    def token(self, claims: dict[str, Any], **header: object) -> str:
        """A token with these claims; ``header`` adds to its header or replaces members."""
        return jwt.encode(claims, self.private, algorithm=self.alg, headers={"kid": self.kid, **header})


@functools.cache
def rsa_key(kid: str = "r1", bits: int = 2048, alg: str = "RS256") -> SigningKey:
    """An RSA key, the same one for the same arguments."""
    return SigningKey(rsa.generate_private_key(65537, bits), alg, kid)


@functools.cache
def ec_key(kid: str = "e1") -> SigningKey:
    """A P-256 key."""
    return SigningKey(ec.generate_private_key(ec.SECP256R1()), "ES256", kid)


@functools.cache
def ed_key(kid: str = "d1") -> SigningKey:
    """An Ed25519 key."""
    return SigningKey(ed25519.Ed25519PrivateKey.generate(), "EdDSA", kid)


def jwks(*keys: SigningKey, **more: object) -> bytes:
    """A key set document of the public halves."""
    return orjson.dumps({"keys": [key.jwk(**more) for key in keys]})


def claims(**more: Any) -> dict[str, Any]:
    """Claims that pass at ``NOW``; an argument replaces a claim, None takes it away."""
    usual: dict[str, Any] = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": int(NOW) - 60, "exp": int(NOW) + 600
    }  # fmt: skip
    return {name: value for name, value in (usual | more).items() if value is not None}


def b64(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def raw_token(header: object, body: object, signature: bytes = b"x" * 32) -> str:
    """A token of exactly this header and these claims, signed or not."""
    return ".".join((b64(orjson.dumps(header)), b64(orjson.dumps(body)), b64(signature)))
