"""The spool of a data directory against its log of checkpoints, boot by boot: what ``weir audit verify`` adds."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from weir.audit.evidence.examine import CLOCK_SLACK_US, Begin, Examination
from weir.audit.evidence.found import Found, Wrong
from weir.audit.evidence.leaves import Leaf, from_spool
from weir.audit.evidence.log import LogReport

__all__ = ["Whole", "unsigned"]


def unsigned(log: LogReport, chains: Iterable[str], live: Container[str]) -> Iterator[Found]:
    """Chains without a checkpoint that a later one has: each boot is signed before those that began after it. Those
    after the last wait for their first."""
    newest = max(log.checkpoints, default="")
    for name in sorted(chains):
        if name < newest and name not in log.checkpoints and name not in live:
            text = "no checkpoint speaks of this boot: it was put in, or its checkpoints were taken away"
            yield Found(Wrong.ADDED, name, text)


@dataclass(slots=True)
class Whole:
    """One examination of all chains. ``proved``: by chain, up to which seq rows are what was signed.

    ``log`` is what ``examine_log`` (and ``lacking``, for checkpoints kept elsewhere) said. ``begins``: what retention
    kept of rows it took away, by chain. ``live``: chains that are being written, whose newest rows have no signature
    yet and whose first checkpoint may still be due.
    """

    log: LogReport
    begins: Mapping[str, Begin] = field(default_factory=dict)
    live: frozenset[str] = frozenset()
    clock_slack_us: int = CLOCK_SLACK_US
    rows: int = 0
    proved: dict[str, int] = field(default_factory=dict)

    def found(
        self, chains: Mapping[str, list[Path]], leaves: Callable[[str, list[Path]], Iterator[Leaf]] = from_spool
    ) -> Iterator[Found]:
        """Each finding: first those about checkpoints, then those about rows. Raises OSError.

        ``chains``: the segments of the spool by chain (``weir.audit.chain.segments``).
        """
        yield from self.log.found
        for chain in sorted({*chains, *self.log.checkpoints}):
            signed = self.log.checkpoints.get(chain, [])
            if not signed and chain not in self.live:
                text = "no checkpoint speaks of this boot: it was put in, or its checkpoints were taken away"
                yield Found(Wrong.ADDED, chain, text)
            look = Examination(chain, signed, self.clock_slack_us, self.begins.get(chain))
            yield from look.found(leaves(chain, chains[chain]) if chain in chains else iter(()))
            self.rows += look.rows
            self.proved[chain] = look.proved
