"""What tests of identity share: the place of connections, the house of sources and permissions, own proxies.

Modules that share a place or a house are in one `xdist_group`; each starts its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e import place as places
from e2e.identities import ENTRIES, PERMISSIONS, SERVICE_PASSWORD, Call, Issuer, identity
from e2e.support import House
from harness.directory import Directory
from harness.doubles import Doubles
from harness.processes import until
from harness.weir import PREPARED, Weir, write_policy


@pytest.fixture(scope="module")
def shared_place(start_module_house: Callable[..., House]) -> places.Place:
    return places.start(start_module_house)


@pytest.fixture
def place(shared_place: places.Place, doubles: Doubles) -> places.Place:
    """A proxy that knows people by passwords, certificates and addresses."""
    shared_place.house.begin()
    return shared_place


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def directory() -> Iterator[Directory]:
    made = Directory(ENTRIES)
    yield made
    made.close()


@pytest.fixture(scope="module")
def one_house(start_module_house: Callable[..., House], issuer: Issuer, directory: Directory) -> House:
    def prepare(folder: Path) -> dict[str, Any]:
        return {"identity": identity(issuer.url, directory.url, folder, permissions=PERMISSIONS)}

    made = start_module_house(key=False, prepare=prepare, environment={"DIRECTORY_PASSWORD": SERVICE_PASSWORD})
    until(lambda: "/keys" in issuer.asked, "the issuer's keys")
    return made


@pytest.fixture
def house(one_house: House, doubles: Doubles) -> House:
    """A proxy with every source of identity that a proxy's client can speak to, and with permissions."""
    one_house.begin()
    return one_house


@pytest.fixture(params=["connect", "absolute"])
def call(request: pytest.FixtureRequest) -> Call:
    return Call(request.param)


@pytest.fixture
def start(doubles: Doubles, tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Start a proxy of a test's own, with more of Python before it where a minute has to be shorter."""
    made: list[Weir] = []

    def begin(section: dict[str, Any], *, first: str = "", **changes: Any) -> House:
        program = [str(PREPARED)] if first else ["-m", "weir.cli"]
        changes = {"dlp__processes": 0, **changes}
        policy = write_policy(tmp_path / "policy.yaml", "enforce", identity=section, **changes)
        environment = {f"{kind.upper()}_API_KEY": key for kind, key in doubles.keys.items()}
        weir = Weir(
            tmp_path, policy, doubles, program=program,
            environment={**environment, "DIRECTORY_PASSWORD": SERVICE_PASSWORD, "WEIR_TEST_FIRST": first},
        )  # fmt: skip
        made.append(weir)
        house = House(weir, doubles, "")
        house.begin()
        return house

    yield begin
    for weir in made:
        weir.stop()
