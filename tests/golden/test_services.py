"""Every service's documented requests are known for what they are, and every bundled file keeps to the schema."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from weir.providers.services.hosts import overlap, public_suffix
from weir.providers.services.loading import read_directory, read_text
from weir.providers.services.provider import PASSIVE
from weir.providers.services.registry import Registry
from weir.shadow.catalogue import Catalogue
from weir.tls.decide import Interception

HERE = Path(__file__).parent / "services"
DATA = Path(__file__).parents[2] / "addons" / "weir" / "providers" / "data"
REGISTRY = Registry.load()
CATALOGUE = Catalogue.load()
NOBODY = ("-", "-", "-", "-", False)


def _requests() -> Iterator[tuple[str, str, tuple[str, str, str, str, bool]]]:
    for line in (HERE / "requests.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            method, url, service, operation, dialect, model, *stream = line.split(" ")
            yield method, url, (service, operation, dialect, model, stream == ["stream"])


REQUESTS = list(_requests())


def _read(method: str, url: str) -> tuple[str, str, str, str, bool]:
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    provider = REGISTRY.by_request(parts.hostname or "", method, path)
    if provider is None:
        return NOBODY
    endpoint = provider.endpoint(method, path)
    assert endpoint.service == provider.id
    return (
        provider.id,
        endpoint.operation or "-",
        endpoint.dialect or "-",
        endpoint.model or "-",
        endpoint.stream,
    )


@pytest.mark.parametrize(("method", "url", "expected"), REQUESTS, ids=[f"{m} {u}" for m, u, _ in REQUESTS])
def test_a_documented_request(method: str, url: str, expected: tuple[str, str, str, str, bool]) -> None:
    assert _read(method, url) == expected


def test_the_table_covers_every_service() -> None:
    assert len(REQUESTS) >= 200
    told = {expected[0] for _, _, expected in REQUESTS}
    silent = {p.id for p in REGISTRY.providers if any(o.operation not in PASSIVE for o in p.operations)} - told
    assert not silent - {"antigravity", "gemini-uploads"}  # by the same operations as others in the table


@pytest.mark.parametrize(("method", "url", "expected"), REQUESTS, ids=[f"{m} {u}" for m, u, _ in REQUESTS])
def test_the_catalogue_names_the_same_service(method: str, url: str, expected: tuple[str, str, str, str, bool]) -> None:
    """What a policy's lists and keys mean by an id is what the provider's file means by it."""
    parts = urlsplit(url)
    found = CATALOGUE.by_host(parts.hostname or "", parts.path)
    if expected == NOBODY:
        return
    where = parts.hostname, parts.path
    # Signing in to Sber's other services goes to the same host and path: the catalogue leaves it alone.
    assert found is not None or parts.hostname == "ngw.devices.sberbank.ru", where
    assert found is None or found.id == expected[0], where


def test_there_are_enough_services() -> None:
    assert len(REGISTRY.providers) >= 75
    assert {p.id for p in REGISTRY.providers} <= set(CATALOGUE.services)
    for provider in REGISTRY.providers:
        assert provider.evidence, f"{provider.id} does not say where its facts are from"


def test_bundled_files_hold_to_all_of_the_schema() -> None:
    """The look at public suffixes too, which a start leaves out."""
    dialects = frozenset(o.dialect for p in REGISTRY.providers for o in p.operations if o.dialect)
    assert len(read_directory(DATA, dialects)) == len(REGISTRY.providers)
    for pattern in REGISTRY.hosts | REGISTRY.shared_hosts:
        assert public_suffix(pattern) == "", pattern


def test_the_readme_shows_a_file_that_loads() -> None:
    text = (DATA.parent / "README.md").read_text("utf-8").partition("```yaml\nid: ")[2].partition("```")[0]
    provider = read_text(f"id: {text}", "README.md", frozenset({"openai_chat"}))
    assert provider.id == "acme" and provider.shapes and provider.unverified


def test_the_hosts_are_these() -> None:
    """A host that is added or lost changes what is decrypted and where keys may go: it has to be meant."""
    lines = [f"{host} {p.id}" for p in REGISTRY.providers for host in p.hosts]
    lines += [f"{host} {p.id} (paths)" for p in REGISTRY.providers for host in p.shared_hosts]
    assert sorted(lines) == (HERE / "hosts.txt").read_text("utf-8").splitlines()


def test_no_host_belongs_to_two() -> None:
    claims = [(host, p.id) for p in REGISTRY.providers for host in p.hosts]
    for (host, one), (other, two) in combinations(claims, 2):
        assert one == two or not overlap(host, other), f"{host} of {one} and {other} of {two}"


def test_what_many_share_is_not_decrypted_for_the_sake_of_a_few_paths() -> None:
    hosts = REGISTRY.hosts | CATALOGUE.hosts
    for host in ("api.github.com", "api.cloudflare.com", "dbc-1.cloud.databricks.com", "x.com", "substrate.office.com"):
        assert REGISTRY.by_host(host) is None
        assert not Interception(hosts=hosts).decide(host, host, "192.0.2.1").intercept
        assert Interception(hosts=hosts, include=[host]).decide(host, host, "192.0.2.1").intercept
    assert Interception(hosts=hosts).decide("chatgpt.com", "chatgpt.com", "192.0.2.1").intercept


def test_a_key_is_bound_to_its_providers_hosts() -> None:
    for provider in REGISTRY.providers:
        assert set(provider.bound_hosts) <= {*provider.hosts, *provider.shared_hosts}
    huggingface = REGISTRY.by_id("huggingface")
    assert huggingface is not None and "*.endpoints.huggingface.cloud" not in huggingface.bound_hosts


# Wildcards that a key may go to unless policy says otherwise: their names are the vendor's to give, mostly regions.
VENDORS_OWN = {
    "aws-bedrock": {"bedrock-runtime", "bedrock-runtime-fips", "bedrock-mantle"},
    "elevenlabs": {"api"},
    "google-vertex": {"*-aiplatform"},
    "ibm-watsonx": {"*"},
    "openai": {"*"},
    "xai": {"*"},
}


def test_no_key_goes_to_what_anybody_can_rent() -> None:
    open_ones: dict[str, set[str]] = {}
    for provider in REGISTRY.providers:
        for host in provider.bound_hosts if provider.virtual_key_operations else ():
            if "*" in host:
                open_ones.setdefault(provider.id, set()).add(host.partition(".")[0])
    assert open_ones == VENDORS_OWN, "is a new one rented out? then key_hosts: []"
    for name in ("azure-openai", "databricks", "snowflake-cortex", "cloudflare-ai-gateway"):
        assert REGISTRY.bound_hosts(name) == ()


def test_every_listed_operation_is_found_by_its_own_path() -> None:
    """No template stands in the shadow of another one of the same provider."""
    for provider in REGISTRY.providers:
        for operation in provider.operations:
            path = operation.template.text.replace("{", "0").replace("}", "0")
            found = provider.endpoint(operation.method, path)
            assert found.path_template == operation.template.text, (provider.id, operation.template.text)
