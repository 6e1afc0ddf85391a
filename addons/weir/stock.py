"""What `mitmdump -s addons/main.py` loads: the chain, made when mitmdump has read its options."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from weir import chain, settings
from weir.datadir import DataDir
from weir.edge.process.ingester import Ingester
from weir.edge.process.reload import Reload
from weir.edge.process.stock import Built, Stock
from weir.places import policy_path

__all__ = ["addons", "build"]


def build(policy: Path, directory: Path, upstream_cas: Sequence[Path] = ()) -> Built:
    """The chain under `policy`, its data in `directory`; `upstream_cas` are trusted besides the public roots.

    Raises ValueError with what is wrong.
    """
    try:
        data = DataDir(directory)
        state = chain.build_state(settings.load(policy), data, upstream_cas)
    except chain.UNUSABLE as error:
        raise ValueError(str(error)) from None
    first, rest = chain.chain(state, {})
    reload = Reload(state, policy, lambda: chain.rebuild(state, settings.load(policy)))
    return Built(state, [*first, *rest, reload, Ingester(data.path)])


addons = [Stock(build, str(policy_path("observe")))]
