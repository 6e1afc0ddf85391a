"""Firewalls' names of applications lead to hosts that the catalogue knows."""

from __future__ import annotations

import pytest

from weir.logs.appids import APPS, FORTI_APPS
from weir.shadow.catalogue import Catalogue


@pytest.mark.parametrize("host", sorted({*APPS.values(), *FORTI_APPS.values()}))
def test_every_host_is_of_a_service_in_the_catalogue(host: str) -> None:
    assert Catalogue.load().by_host(host) is not None


@pytest.mark.parametrize("names", [APPS, FORTI_APPS])
def test_a_longer_name_stands_before_its_own_beginning(names: dict[str, str]) -> None:
    listed = list(names)
    for number, name in enumerate(listed):
        assert not any(name.startswith(earlier) for earlier in listed[:number]), name
