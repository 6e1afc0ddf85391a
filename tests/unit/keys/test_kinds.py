"""What kind of credential a value is, and what of it lasts."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from typing import Any

import pytest

from weir.keys.kinds import Known, foreign_of, known, token_kind
from weir.model import AuthPlace
from weir.providers.services.registry import Registry
from weir.sections_credentials import KINDS

BEARER = AuthPlace(header="authorization", scheme="Bearer")
SIGV4 = AuthPlace(header="authorization", scheme="AWS4-HMAC-SHA256")
REGISTRY = Registry.load()
FOREIGN = foreign_of((provider.id, provider.key_patterns) for provider in REGISTRY.providers)


def jwt(**claims: Any) -> str:
    parts = [json.dumps({"alg": "RS256"}).encode(), json.dumps(claims).encode(), b"signature"]
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def made(head: str, count: int, letters: str = "aB3") -> str:
    return head + (letters * count)[:count]


SYNTHETIC = [
    ("openai", made("sk-" + "proj-", 48), "project"),
    ("openai", made("sk-" + "svcacct-", 48), "service-account"),
    ("openai", made("sk-" + "admin-", 48), "admin"),
    ("openai", made("sk-", 20) + "T3Blbk" + "FJ" + made("", 20), "personal"),
    ("anthropic", made("sk-ant-" + "api03-", 93), "api"),
    ("anthropic", made("sk-ant-" + "admin01-", 93), "admin"),
    ("anthropic", made("sk-ant-" + "oat01-", 93), "oauth"),
    ("google-gemini", made("AI" + "za", 35), "api"),
    ("google-gemini", made("ya29" + ".", 60), "oauth"),
    ("antigravity", made("ya29" + ".", 60), "oauth"),
    ("github-models", made("gh" + "p_", 36), "personal"),
    ("github-models", made("gh" + "s_", 36), "service-account"),
    ("huggingface", made("h" + "f_", 34, "aB"), "personal"),
    ("databricks", made("da" + "pi", 32, "0af"), "personal"),
    ("aws-bedrock", made("AB" + "SK", 120), "api"),
    ("azure-openai", made("", 32, "0af"), "api"),
    ("openai", made("e" + "k_", 32, "0af"), "project"),
    ("github-copilot", "tid=" + "0af1;exp=1700000000;sku=free;st=dotcom;chat=1:8kp", "oauth"),
    ("groq", "not a key of theirs", "unknown"),
]


@pytest.mark.parametrize(("provider", "value", "kind"), SYNTHETIC)
def test_the_providers_own_forms(provider: str, value: str, kind: str) -> None:
    found = REGISTRY.by_id(provider)
    assert found and known(BEARER, value, found.key_patterns, FOREIGN) == Known(kind, value)


def test_every_kind_that_a_provider_names_is_one() -> None:
    named = {(provider.id, kind) for provider in REGISTRY.providers for _, kind in provider.key_patterns}
    assert {kind for _, kind in named} <= set(KINDS), named


@pytest.mark.parametrize(
    ("value", "kind", "owner"),
    [
        (made("sk-ant-" + "admin01-", 93), "admin", "anthropic"),
        (made("gs" + "k_", 52), "api", "groq"),
        (made("xa" + "i-", 80), "api", "xai"),
        (made("", 32, "0af"), "unknown", ""),  # half the trade's keys look like that
        (made("sk-", 48), "unknown", ""),
    ],
)
def test_somebody_elses_key(value: str, kind: str, owner: str) -> None:
    openai = REGISTRY.by_id("openai")
    assert openai
    found = known(BEARER, value, openai.key_patterns, FOREIGN)
    assert (found.kind, found.of) == (kind, owner)


def test_of_a_signature_its_keys_id_lasts() -> None:
    first, second = (
        known(
            SIGV4, f"Credential={key}/2026{day}/eu-west-1/bedrock/aws4_request, SignedHeaders=host, Signature={day}", ()
        )
        for key, day in (("AKIA" + "3QZ7TX5NWJ2KDLPV", "0101"), ("AKIA" + "3QZ7TX5NWJ2KDLPV", "0102"))
    )
    assert first == second == Known("aws-long-term", "AKIA" + "3QZ7TX5NWJ2KDLPV")
    temporary = known(
        AuthPlace(query="X-Amz-Credential"), "ASIA" + "3QZ7TX5NWJ2KDLPV/20260101/eu/bedrock/aws4_request", ()
    )
    assert temporary == Known("aws-temporary", "ASIA" + "3QZ7TX5NWJ2KDLPV")


def test_other_schemes() -> None:
    oci = 'version="1",keyId="ocid1.tenancy.x/ocid1.user.y/aa:bb",signature="s"'
    assert known(AuthPlace(header="authorization", scheme="Signature"), oci, ()) == Known(
        "personal", "ocid1.tenancy.x/ocid1.user.y/aa:bb"
    )
    assert known(AuthPlace(header="authorization", scheme="basic"), "eDp5", ()).kind == "basic"
    assert known(SIGV4, "no credential at all", ()).kind == "unknown"


ENTRA = "https://sts.windows.net/7d1c/"


ADMIN = "sk-" + "admin-" + "aB3" * 16


@pytest.mark.parametrize(
    "shown", [f'"{ADMIN}"', f"{ADMIN},", f"{ADMIN};x=1", f"{ADMIN}\xa0", f"x, Bearer {ADMIN}", f"key={ADMIN}"]
)
def test_a_key_with_something_around_it_is_that_key(shown: str) -> None:
    """A lenient server takes it, so it is what it is; and it is the same one as without."""
    openai, groq = REGISTRY.by_id("openai"), REGISTRY.by_id("groq")
    assert openai and groq
    assert known(BEARER, shown, openai.key_patterns, FOREIGN) == Known("admin", ADMIN, within=True)
    assert known(BEARER, shown, groq.key_patterns, FOREIGN) == Known("admin", ADMIN, "openai", within=True)


@pytest.mark.parametrize("shown", [f":{ADMIN}", f"{ADMIN}:", ADMIN])
def test_a_key_as_the_name_or_password_of_basic(shown: str) -> None:
    openai, basic = REGISTRY.by_id("openai"), AuthPlace(header="authorization", scheme="Basic")
    assert openai
    value = b64encode(shown.encode()).decode()
    for sent in (value, value.rstrip("=")):
        assert known(basic, sent, openai.key_patterns, FOREIGN) == Known("admin", ADMIN, within=True)


def test_a_form_without_a_beginning_is_looked_for_nowhere() -> None:
    mistral = REGISTRY.by_id("mistral")
    assert mistral
    assert known(BEARER, f"x {'a' * 32} y", mistral.key_patterns, FOREIGN).kind == "unknown"


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        (jwt(iss=ENTRA, idtyp="app", appid="a"), "service-account"),
        (jwt(iss=ENTRA, appid="a", tid="t"), "service-account"),
        (jwt(iss="https://login.microsoftonline.com/t/v2.0", scp="user_impersonation", appid="a"), "oauth"),
        (jwt(iss=ENTRA, idtyp="app", scp="x"), "service-account"),
        (jwt(iss="https://auth.openai.com"), "oauth"),
        (jwt(iss="accounts.google.com"), "oauth"),
        (jwt(iss="bot@project.iam.gserviceaccount.com"), "service-account"),
        (jwt(iss="https://login.microsoftonline.com.evil.example/"), "jwt"),
        (jwt(iss=["https://auth.openai.com"]), "jwt"),
        (jwt(iss="https://["), "jwt"),
        (jwt(), "jwt"),
        ("eyJh.bm90IGpzb24.x", "jwt"),
        ("eyJh.W10.x", "jwt"),
        (f"eyJh.{urlsafe_b64encode(b'[' * 12000).decode()}.x", "jwt"),
        (f"eyJh.{'a' * 20000}.x", "jwt"),
        ("eyJh", "jwt"),
    ],
)
def test_claims_tell_a_tokens_kind(token: str, kind: str) -> None:
    assert token_kind(token) == kind


def test_no_value_in_a_repr() -> None:
    assert "canary" not in repr(known(BEARER, "canary-value", ()))


def test_only_what_begins_like_nobody_elses_is_foreign() -> None:
    patterns = [(re.compile(text), "api") for text in ("sk-[a-z]{20}", "abcd_[a-z]{9}", "[a-z]{9}", "x1|abcd_y")]
    assert [found[0].pattern for found in foreign_of([("p", patterns)])] == ["abcd_[a-z]{9}"]


def test_a_form_that_services_share_is_the_first_ones() -> None:
    pattern = re.compile("abcd_[a-z]{9}")
    assert foreign_of([("p", [(pattern, "api")]), ("q", [(pattern, "api")])]) == ((pattern, "api", "p"),)
