"""What is decrypted and what is metered."""

from __future__ import annotations

import time

import pytest

from weir.tls.decide import HostSet, Interception, normalise

HOSTS = [
    "api.openai.com",
    "*.openai.azure.com",
    "bedrock-runtime.*.amazonaws.com",
    "*-aiplatform.googleapis.com",
    "bücher.example",
]
INTERCEPTION = Interception(
    include=["extra.example", "*.lab.example", "192.0.2.9"],
    exclude=["bank.example", "*.bank.example", "private.lab.example", "10.1.2.3", "eu.openai.azure.com"],
    hosts=HOSTS,
)


@pytest.mark.parametrize(
    ("sni", "destination", "expected"),
    [
        ("api.openai.com", "api.openai.com", (True, "catalogued")),
        ("API.OpenAI.COM.", "api.openai.com", (True, "catalogued")),
        ("", "api.openai.com", (True, "catalogued")),
        ("", "API.OPENAI.COM.", (True, "catalogued")),
        ("api.openai.com", "104.18.7.1", (True, "catalogued")),
        ("api.openai.com", "", (True, "catalogued")),
        ("openai.com", "openai.com", (False, "uncatalogued")),
        ("xapi.openai.com", "", (False, "uncatalogued")),
        ("a.b.openai.azure.com", "", (True, "catalogued")),
        ("openai.azure.com", "", (False, "uncatalogued")),
        ("bedrock-runtime.eu-west-1.amazonaws.com", "", (True, "catalogued")),
        ("bedrock-runtime.a.b.amazonaws.com", "", (False, "uncatalogued")),
        ("s3.eu-west-1.amazonaws.com", "", (False, "uncatalogued")),
        ("europe-west1-aiplatform.googleapis.com", "", (True, "catalogued")),
        ("maps.googleapis.com", "", (False, "uncatalogued")),
        ("xn--bcher-kva.example", "", (True, "catalogued")),
        ("", "BÜCHER.example", (True, "catalogued")),
        ("extra.example", "", (True, "included")),
        ("a.lab.example", "", (True, "included")),
        ("lab.example", "", (False, "uncatalogued")),
        ("", "192.0.2.9", (True, "included")),
        ("", "::ffff:192.0.2.9", (True, "included")),
        ("private.lab.example", "", (False, "excluded")),
        ("eu.openai.azure.com", "", (False, "excluded")),
        ("deep.bank.example", "", (False, "excluded")),
        ("", "10.1.2.3", (False, "excluded")),
        ("", "", (False, "uncatalogued")),
    ],
)
def test_decisions(sni: str, destination: str, expected: tuple[bool, str]) -> None:
    decision = INTERCEPTION.decide(sni, destination, "10.0.0.1")
    assert (decision.intercept, decision.reason) == expected


@pytest.mark.parametrize(
    ("sni", "destination", "expected"),
    [
        # A client cannot switch inspection off by an SNI of its choice …
        ("bank.example", "api.openai.com", (True, "catalogued")),
        ("harmless.example", "api.openai.com", (True, "catalogued")),
        ("bank.example", "extra.example", (True, "included")),
        ("bank.example", "harmless.example", (False, "uncatalogued")),
        # … nor by the host it names to the proxy.
        ("api.openai.com", "bank.example", (True, "catalogued")),
        ("api.openai.com", "harmless.example", (True, "catalogued")),
        # Both excluded is excluded, and so is an excluded address: that is where the bytes go.
        ("bank.example", "a.bank.example", (False, "excluded")),
        ("bank.example", "203.0.113.5", (False, "excluded")),
        ("api.openai.com", "10.1.2.3", (False, "excluded")),
    ],
)
def test_two_names(sni: str, destination: str, expected: tuple[bool, str]) -> None:
    decision = INTERCEPTION.decide(sni, destination, "10.0.0.1")
    assert (decision.intercept, decision.reason) == expected


def test_all_intercepts_what_is_not_excluded() -> None:
    everything = Interception("all", sample_percent=1, exclude=["bank.example"], hosts=HOSTS)
    assert everything.decide("any.example", "", "s").reason == "all"
    assert everything.decide("api.openai.com", "", "s").reason == "catalogued"
    assert everything.decide("", "", "s").intercept
    assert not everything.decide("bank.example", "", "s").intercept


def test_a_sample_is_of_the_uncatalogued_and_about_its_size() -> None:
    sampling = Interception(sample_percent=5, hosts=HOSTS, exclude=["*.bank.example"], key=b"k" * 32)
    reasons = [sampling.decide(f"h{number}.example", "", "10.0.0.1").reason for number in range(4000)]
    assert 140 < reasons.count("sampled") < 260
    assert set(reasons) == {"sampled", "uncatalogued"}
    assert sampling.decide("api.openai.com", "", "10.0.0.1").reason == "catalogued"
    assert not any(sampling.decide(f"h{n}.bank.example", "", "s").intercept for n in range(200))


def test_a_sample_is_the_same_every_time_and_unpredictable_without_the_key() -> None:
    def picked(key: bytes, source: str) -> list[int]:
        sampling = Interception(sample_percent=30, key=key)
        return [n for n in range(300) if sampling.decide(f"H{n}.example.", "", source).intercept]

    assert picked(b"a", "10.0.0.1") == picked(b"a", "10.0.0.1")
    assert picked(b"a", "10.0.0.1") != picked(b"b", "10.0.0.1")
    assert picked(b"a", "10.0.0.1") != picked(b"a", "10.0.0.2")


@pytest.mark.parametrize(("percent", "share"), [(0, 0), (100, 200)])
def test_the_ends_of_the_sample(percent: float, share: int) -> None:
    sampling = Interception(sample_percent=percent)
    assert sum(sampling.decide(f"h{n}.example", "", "s").intercept for n in range(200)) == share


@pytest.mark.parametrize("percent", [-1, 101, float("nan")])
def test_a_sample_is_a_percentage(percent: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        Interception(sample_percent=percent)


def test_an_unknown_scope_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="choose catalogued or all"):
        Interception("everything")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("API.Example.COM.", "api.example.com"),
        ("Bücher.Example", "xn--bcher-kva.example"),
        ("bücher。example", "xn--bcher-kva.example"),
        ("[2001:DB8:0::1]", "2001:db8::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("10.0.0.1", "10.0.0.1"),
        ("999.0.0.1", "999.0.0.1"),
        ("", ""),
        (".", ""),
        ("ü" * 100, "ü" * 100),
        ("\udcff.example", "\udcff.example"),
    ],
)
def test_normalise(raw: str, expected: str) -> None:
    assert normalise(raw) == expected


@pytest.mark.parametrize("pattern", ["*", "api.*", "api.openai.*", "*com"])
def test_patterns_that_would_fit_everything(pattern: str) -> None:
    with pytest.raises(ValueError, match="is too wide"):
        HostSet([pattern])


def test_host_sets() -> None:
    assert not HostSet()
    assert HostSet(["a.example"])
    hosts = HostSet(["*.corp", "a.*.b.example", "x*y.example"])
    assert [
        h for h in ("a.corp", "corp", "a.z.b.example", "a.b.example", "x1y.example", "x1yz.example") if h in hosts
    ] == [
        "a.corp",
        "a.z.b.example",
        "x1y.example",
    ]


def test_a_decision_takes_microseconds() -> None:
    big = Interception(
        hosts=[*HOSTS, *(f"h{n}.example" for n in range(3000)), *(f"*.s{n}.example" for n in range(500))],
        exclude=["bank.example"],
        sample_percent=5,
    )

    def once(sni: str) -> float:
        start = time.thread_time()
        for _ in range(200):
            big.decide(sni, sni, "10.0.0.1")
        return (time.thread_time() - start) / 200

    # Generous towards a slow machine; on this one both take 1 to 4 µs.
    assert min(once("api.openai.com") for _ in range(30)) < 15e-6
    assert min(once("www.not.in.any.list.example") for _ in range(30)) < 30e-6


def test_hosts_of_a_restricted_tenant_are_decrypted_for_that() -> None:
    made = Interception(exclude=["no.login.example"], hosts=["ai.login.example"], tenants=["*.login.example"])
    reasons = {
        host: made.decide(host, host, "192.0.2.1").reason
        for host in ("a.login.example", "no.login.example", "ai.login.example", "login.example")
    }
    assert reasons == {
        "a.login.example": "tenant",
        "no.login.example": "excluded",
        "ai.login.example": "catalogued",
        "login.example": "uncatalogued",
    }
    assert made.decide("other.example", "a.login.example", "192.0.2.1").reason == "tenant"
    assert Interception("all", tenants=["a.example"]).decide("a.example", "a.example", "").reason == "all"


def test_a_sample_is_another_one_every_day_and_changes_at_another_time_for_each_pair() -> None:
    now = [1_800_000_000.0]
    sampling = Interception(sample_percent=10, key=b"k" * 32, clock=lambda: now[0])
    hosts = [f"host{number}.example" for number in range(400)]

    def taken() -> set[str]:
        return {host for host in hosts if sampling.decide(host, host, "10.0.0.7").intercept}

    first = taken()
    now[0] += 60
    assert len(first ^ taken()) <= 4, "within a minute nearly all stay as they are"
    now[0] += 86_400
    later = taken()
    assert len(first & later) < len(first) / 2
    everything = set(first)
    for _ in range(40):
        now[0] += 86_400
        everything |= taken()
    assert len(everything) > 350, "in the course of time every host is looked at"


def test_only_what_must_be_decrypted_refuses_other_protocols() -> None:
    looking = Interception(sample_percent=100, hosts=["api.openai.com"], include=["in.example"])
    assert [looking.must(host) for host in ("api.openai.com", "in.example", "x.example")] == [True, True, False]
    assert Interception("all").must("x.example")
