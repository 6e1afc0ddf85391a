"""The script for mitmdump builds the same chain as the command, and says what is wrong as the command does."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir import stock
from weir.edge.process.stock import Stock
from weir.places import policy_path


def test_one_addon_that_holds_the_others() -> None:
    (addon,) = stock.addons
    assert isinstance(addon, Stock)
    assert addon.build is stock.build and addon.default_policy == str(policy_path("observe"))


def test_the_chain_in_its_order_and_then_what_keeps_it(tmp_path: Path) -> None:
    built = stock.build(policy_path("enforce"), tmp_path / "data")
    names = [addon.name for addon in built.addons]  # type: ignore[attr-defined]
    assert names[:5] == ["drain", "forgetting", "resolve", "doors", "destinations"]
    assert names[-3:] == ["audit", "reload", "ingester"]
    assert built.state.snapshot.settings.mode == "enforce"
    assert built.state.data.path == tmp_path / "data"
    built.state.workers.close()


@pytest.mark.parametrize("what", ["policy", "directory", "keys", "ca"])
def test_every_mistake_is_a_sentence(tmp_path: Path, what: str) -> None:
    data, policy = tmp_path / "data", policy_path("observe")
    data.mkdir(mode=0o700)
    if what == "policy":
        policy = tmp_path / "policy.yaml"
        policy.write_text("version: 7\n")
    elif what == "directory":
        data.chmod(0o777)
    else:
        folder = data / what
        folder.mkdir(mode=0o700)
        path = folder / {"keys": "virtual.json", "ca": "weir-ca.key"}[what]
        path.write_text("{damaged")
        path.chmod(0o600)
    with pytest.raises(ValueError, match=r"policy|data|damaged|ca|keys") as caught:
        stock.build(policy, data)
    assert str(caught.value) and "Traceback" not in str(caught.value)
