"""Addresses in one form, however a socket or a kernel wrote them."""

from __future__ import annotations

import pytest

from weir.addresses import network, plain


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("::FFFF:0a01:0203%eth0", "10.1.2.3"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:0DB8:0::1", "2001:db8::1"),
        ("::10.1.2.3", "::a01:203"),  # compatible, which is another thing than mapped
    ],
)
def test_one_form(written: str, means: str) -> None:
    assert str(plain(written)) == means and plain(written) == plain(means)


@pytest.mark.parametrize("written", ["", "%eth0", "10.1.2", "010.1.2.3", "[::1]", "host.example", "@"])
def test_what_is_no_address(written: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        plain(written)


def test_networks() -> None:
    assert str(network("::ffff:10.20.0.0/112")) == "10.20.0.0/16"
    assert str(network("10.1.2.3")) == "10.1.2.3/32"
    with pytest.raises(ValueError, match=r"write 10\.20\.0\.0/16"):
        network("10.20.1.0/16")
    with pytest.raises(ValueError, match="is not a network"):
        network("the office")
