"""The catalogue against lists written without looking at it: what it must know, and what it must leave alone."""

from pathlib import Path

import pytest

from weir.shadow.catalogue import Catalogue

HERE = Path(__file__).parent


def lines(name: str) -> list[str]:
    return [line for line in (HERE / name).read_text("utf-8").splitlines() if line and not line.startswith("#")]


ORDINARY = [name for line in lines("ordinary.txt") for name in line.split()]
KNOWN = [(place, service) for place, service in (line.split() for line in lines("known.txt"))]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def test_there_are_enough_ordinary_names() -> None:
    assert len(set(ORDINARY)) == len(ORDINARY) >= 500


def test_no_ordinary_name_is_called_ai(catalogue: Catalogue) -> None:
    wrong = []
    for name in ORDINARY:
        for host in (name, f"www.{name}", f"api.{name}", f"mail.{name}", f"login.{name}"):
            for path in (None, "/", "/search?q=chat", "/ai", "/login", "/api/v1/items/17"):
                if (found := catalogue.by_host(host, path)) is not None:
                    wrong.append(f"{host}{path or ''} → {found.id}")
    assert not wrong


@pytest.mark.parametrize(("place", "service"), KNOWN, ids=[place for place, _ in KNOWN])
def test_what_people_call_is_found(catalogue: Catalogue, place: str, service: str) -> None:
    host, slash, rest = place.partition("/")
    found = catalogue.by_host(host, slash + rest if slash else None)
    assert found is not None and found.id == service


def test_every_category_is_tried(catalogue: Catalogue) -> None:
    tried = {catalogue.services[service].category for _, service in KNOWN}
    assert {s.category for s in catalogue.services.values()} == tried
