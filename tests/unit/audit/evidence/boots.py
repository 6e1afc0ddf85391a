"""A proxy's boots with their rows and checkpoints, in memory, so that anything can be done to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO

from weir.audit.evidence.entries import key_name
from weir.audit.evidence.examine import Examination
from weir.audit.evidence.found import Found
from weir.audit.evidence.leaves import Leaf, from_lines
from weir.audit.evidence.log import LogReport, examine_log, log_line, read_log_line
from weir.audit.evidence.maker import Maker
from weir.audit.evidence.note import SigningKey
from weir.audit.record import AuditRecord
from weir.audit.spool.lines import GENESIS, encode, seal, unseal

START_MS = 1_780_000_000_000


def key(number: int = 1, proxy_id: str = "p") -> SigningKey:
    return SigningKey(key_name(proxy_id), bytes([number]) * 32)


def event_id(ms: int, number: int) -> str:
    head = f"{ms:012x}"
    return f"{head[:8]}-{head[8:]}-7000-8000-{number:012x}"


def row(seq: int, ms: int, prev: str, *, boot: str = "b", user: str = "") -> tuple[bytes, str]:
    """A line and its row hash."""
    record = AuditRecord(event_id=event_id(ms, seq), kind="response", ts=ms * 1000, user=user or f"u{seq}")
    return seal(encode(record, "p", boot, seq), prev)


def chained(lines: list[bytes], *, first: int = 1, prev: str = GENESIS) -> list[bytes]:
    """The same rows with seqs and all hashes made anew, as somebody would who knows how."""
    made = []
    for seq, line in enumerate(lines, first):
        body, _, _ = unseal(line)
        head, _, rest = body.partition(b'"seq":')
        sealed, prev = seal(head + b'"seq":%d' % seq + rest[len(rest.split(b",")[0]) :], prev)
        made.append(sealed)
    return made


@dataclass
class Boot:
    """Rows 1..n of one boot in segments, and the log's lines: a start, one every ``every`` rows, and a close."""

    count: int = 10
    segment: int = 4
    every: int = 3
    boot: str = "b"
    log: list[bytes] = field(default_factory=list)
    segments: list[list[bytes]] = field(default_factory=list)
    step_ms: Callable[[int], int] | None = None
    signer: SigningKey = field(default_factory=key)

    def __post_init__(self) -> None:
        report = self.report
        begin = max(START_MS, report.ts // 1000)
        step = self.step_ms or (lambda seq: begin + seq * 1000)
        maker = Maker(self.signer, "p", self.boot, report, rows_max=self.every)
        self.log.append(log_line(maker.make(begin * 1000, "start")))
        lines, prev, now = [], GENESIS, begin * 1000
        for seq in range(1, self.count + 1):
            line, prev = row(seq, step(seq), prev, boot=self.boot)
            lines.append(line)
            maker.add(prev)
            now = max(now, step(seq) * 1000)
            if maker.due(now) == "rows":
                self.log.append(log_line(maker.make(now, "rows")))
        self.log.append(log_line(maker.make(now, "close")))
        self.segments = [lines[at : at + self.segment] for at in range(0, self.count, self.segment)]
        self.maker = maker

    @property
    def lines(self) -> list[bytes]:
        return [line for lines in self.segments for line in lines]

    @property
    def notes(self) -> list[tuple[str, bytes]]:
        return [(f"log:{number}", read_log_line(line)) for number, line in enumerate(self.log, 1)]

    @property
    def report(self) -> LogReport:
        return examine_log(self.notes, self.signer.verifier)

    def leaves(self) -> list[Leaf]:
        chain, found = f"p-{self.boot}", []
        for number, lines in enumerate(self.segments, 1):
            torn = number == len(self.segments)
            file = BytesIO(b"".join(lines))  # whatever was done to its newlines, it is read as a file is
            found += from_lines(chain, f"{chain}-{number:06d}.jsonl", file, torn=torn)
        return found

    def look(self) -> tuple[Examination, list[Found]]:
        """Everything that is found in the log and in the rows."""
        report = self.report
        examination = Examination(f"p-{self.boot}", report.checkpoints.get(f"p-{self.boot}", []))
        return examination, [*report.found, *examination.found(self.leaves())]

    def wrong(self) -> set[str]:
        return {str(item.wrong) for item in self.look()[1]}
