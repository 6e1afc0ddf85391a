"""What two patterns of hosts have in common is found whenever a host shows it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weir.model import Secret
from weir.providers.services.hosts import HostIndex, overlap, problem
from weir.tls.decide import HostSet

LABELS = st.sampled_from(["a", "b", "a-b", "x"])
STARRED = st.sampled_from(["*", "a-*", "*-b", "a*b"])
HOSTS = st.lists(LABELS, min_size=2, max_size=5).map(lambda labels: ".".join([*labels, "example", "test"]))


@st.composite
def patterns(draw: st.DrawFn) -> str:
    labels = draw(st.lists(LABELS, min_size=0, max_size=3))
    if draw(st.booleans()):
        labels.insert(draw(st.integers(0, len(labels))), draw(STARRED))
    return ".".join([*labels, "example", "test"])


@given(patterns(), patterns(), HOSTS)
def test_two_patterns_that_fit_one_host_overlap(one: str, other: str, host: str) -> None:
    assert problem(one) == "" and overlap(one, one)
    assert overlap(one, other) == overlap(other, one)
    if HostIndex({one: 1}).find(host) and HostIndex({other: 1}).find(host):
        assert overlap(one, other)


@given(patterns(), HOSTS)
def test_a_pattern_means_the_same_wherever_it_is_read(pattern: str, host: str) -> None:
    """Which provider it is, whether it is decrypted, and whether the key may go there."""
    fits = HostIndex({pattern: True}).find(host) is not None
    assert (host in HostSet([pattern])) is fits
    assert Secret("s", hosts=(pattern,)).may_go_to(host) is fits
