"""The log of checkpoints: signed notes one after the other, each naming the one before, and what is wrong with them.

A line of the log's file is a row of the ``checkpoints`` table; only its ``note`` counts, the other columns are read out
of it and must agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import orjson

from weir.audit.evidence.entries import AnyEntry, BadEntry, Checkpoint, Files, Rotation, Sum, key_name, parse_entry
from weir.audit.evidence.found import Found, Wrong
from weir.audit.evidence.note import BadNote, VerifierKey, parse_note, verified
from weir.audit.spool.lines import GENESIS

__all__ = ["BadLogLine", "LogReport", "examine_log", "extend", "lacking", "log_line", "read_log_line"]


class BadLogLine(ValueError):
    """A line that is none of a log of checkpoints. The message never quotes it."""


def log_line(note: bytes) -> bytes:
    """The line for a note, with its newline. Raises BadNote or BadEntry."""
    parsed = parse_note(note)
    entry = parse_entry(parsed.text)
    doc: dict[str, str | int] = {"proxy_id": entry.proxy_id, "number": entry.number, "ts": entry.ts}
    if isinstance(entry, Checkpoint):
        doc |= {"boot_id": entry.boot_id, "size": entry.size, "root": entry.root.hex()}
    doc |= {
        "prev_checkpoint": entry.previous,
        "key_id": " ".join(item.key_id.hex() for item in parsed.signatures),
        "note": note.decode(),
    }
    return orjson.dumps(doc) + b"\n"


def read_log_line(line: bytes) -> bytes:
    """The note of a line. Raises BadLogLine when it has none, or when a column says something else than the note."""
    try:
        doc = orjson.loads(line)
        note = doc["note"].encode()
        if log_line(note) == line:
            return bytes(note)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, BadNote, BadEntry, UnicodeEncodeError):
        raise BadLogLine("it holds no note of weir's") from None
    raise BadLogLine("its columns and its note don't agree")


@dataclass(slots=True)
class LogReport:
    """What a log holds that can be believed, and what is wrong with it.

    ``checkpoints``: those that are signed and in their place, by chain of rows. ``key``: who signs now.
    """

    checkpoints: dict[str, list[Checkpoint]] = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)
    key: VerifierKey | None = None
    number: int = 0  # of the last entry
    digest: str = GENESIS  # of the last entry
    ts: int = 0  # of the last entry
    boots: list[str] = field(default_factory=list)  # chains of rows in the order in which they began
    files: dict[str, Sum] = field(default_factory=dict)  # those that are closed for good and should be there
    sealed_at: dict[str, int] = field(default_factory=dict)  # when that was signed, µs since the epoch
    taken: dict[str, Sum] = field(default_factory=dict)  # those that were taken away on purpose
    keys: list[VerifierKey] = field(default_factory=list)  # every key that ever signed, in order
    digests: set[bytes] = field(default_factory=set)  # of all entries
    published: int = 0  # entries kept elsewhere that this log was held against
    published_last: int = 0  # the highest number among them

    @property
    def all(self) -> Iterator[Checkpoint]:
        """Every checkpoint that can be believed."""
        for items in self.checkpoints.values():
            yield from items


def examine_log(notes: Iterable[tuple[str, bytes]], trusted: VerifierKey) -> LogReport:
    """Check a log from its first note on. ``notes``: where each stands (for the report), and its bytes.

    ``trusted`` is the key that signed the first of them; later keys are believed because the one before signed for
    them. What can't be believed is named and left out; the examination goes on after it.
    """
    report = LogReport(key=trusted, keys=[trusted])
    extend(report, notes)
    return report


def extend(report: LogReport, notes: Iterable[tuple[str, bytes]]) -> None:
    """Go on with notes that follow those of ``report``."""
    for place, data in notes:
        entry = _believed(report, place, data)
        if entry is None:
            continue
        _link(report, place, entry)
        if isinstance(entry, Rotation):
            report.key = entry.new
            report.keys.append(entry.new)
        elif isinstance(entry, Files):
            _files(report, place, entry)
        else:
            _grow(report, place, entry)
        report.number, report.digest, report.ts = entry.number, entry.digest, entry.ts
        report.digests.add(bytes.fromhex(entry.digest))


def _believed(report: LogReport, place: str, data: bytes) -> AnyEntry | None:
    """The entry of a note that the key of this moment signed; otherwise None, and why is in the report."""
    assert report.key is not None
    chain, number = "", None
    try:
        note = parse_note(data)
        entry = parse_entry(note.text)
        chain, number = (entry.chain if isinstance(entry, Checkpoint) else ""), entry.number
        needed = {report.key, entry.new} if isinstance(entry, Rotation) else {report.key}
        signed = set(verified(note, needed))
    except (BadNote, BadEntry) as problem:
        _say(report, Wrong.FORGED, place, f"it can't be believed: {problem}", chain, number)
        return None
    if signed != needed:
        _say(report, Wrong.FORGED, place, "the key that signs at this place has not signed it", chain, number)
        return None
    if key_name(entry.proxy_id) != report.key.name:
        _say(report, Wrong.FORGED, place, "it speaks of another proxy than its key's", chain, number)
        return None
    if isinstance(entry, Rotation) and (entry.old != report.key or entry.new.name != report.key.name):
        _say(report, Wrong.FORGED, place, "it changes another key than the one that signs", chain, number)
        return None
    return entry


def _link(report: LogReport, place: str, entry: AnyEntry) -> None:
    chain = entry.chain if isinstance(entry, Checkpoint) else ""
    due = report.number + 1
    if entry.number > due:
        gone = f"checkpoint {due}" if entry.number == due + 1 else f"checkpoints {due} to {entry.number - 1}"
        _say(report, Wrong.CHECKPOINT_GONE, place, f"{gone} should stand before it", chain, entry.number)
    elif entry.number < due:
        _say(report, Wrong.FORGED, place, f"number {due} was expected: it stands out of its place", chain, entry.number)
    elif entry.previous != report.digest:
        text = "it follows another checkpoint than the one before it: one of them was made for somebody else"
        _say(report, Wrong.FORGED, place, text, chain, entry.number)
    if entry.ts < report.ts:
        seconds = (report.ts - entry.ts) / 1e6
        _say(report, Wrong.CLOCK, place, f"the clock went back {seconds:.6f} s before it", chain, entry.number)


def _grow(report: LogReport, place: str, entry: Checkpoint) -> None:
    if entry.chain not in report.checkpoints:
        report.boots.append(entry.chain)
    before = report.checkpoints.setdefault(entry.chain, [])
    if before and entry.size < before[-1].size:
        _say(report, Wrong.FORGED, place, "it has fewer rows than the one before it", entry.chain, entry.number)
    elif before and entry.size == before[-1].size and (entry.root, entry.head) != (before[-1].root, before[-1].head):
        _say(report, Wrong.FORGED, place, "two trees of the same size were signed", entry.chain, entry.number)
    before.append(entry)


def _files(report: LogReport, place: str, entry: Files) -> None:
    for name, item in entry.removed:
        if report.files.pop(name, None) != item:
            _say(report, Wrong.FORGED, place, "it takes away a file that was not there, or another", "", entry.number)
        report.taken[name] = item
    for name, item in entry.sealed:
        if report.files.setdefault(name, item) != item:
            _say(report, Wrong.FORGED, place, "it gives a closed file another sum", "", entry.number)
        report.sealed_at[name] = entry.ts


def _say(report: LogReport, wrong: Wrong, place: str, text: str, chain: str, number: int | None) -> None:
    file, colon, line = place.rpartition(":")
    at = int(line) if colon and line.isdigit() else None
    report.found.append(Found(wrong, chain, text, file=file if at else place, line=at, checkpoint=number))


def lacking(report: LogReport, published: Iterable[tuple[str, bytes]]) -> LogReport:
    """Hold notes that were kept elsewhere against a log: what they say is added to what the log says.

    Those of other proxies are passed over. Those that can be believed and that the log lacks are named; if they are
    checkpoints they stand among ``checkpoints`` afterwards, so that the rows are held against them too.
    """
    for place, data in published:
        try:
            note = parse_note(data)
            entry = parse_entry(note.text)
            signed = verified(note, report.keys)
        except (BadNote, BadEntry) as problem:
            _say(report, Wrong.FORGED, place, f"it can't be believed: {problem}", "", None)
            continue
        chain = entry.chain if isinstance(entry, Checkpoint) else ""
        if report.keys and key_name(entry.proxy_id) != report.keys[0].name:
            continue  # several proxies publish to one place
        if not any(key.name == key_name(entry.proxy_id) for key in signed):
            _say(report, Wrong.FORGED, place, "no key of this proxy has signed it", chain, entry.number)
            continue
        report.published += 1
        report.published_last = max(report.published_last, entry.number)
        if bytes.fromhex(entry.digest) in report.digests:
            continue
        text = "it was published, and the log lacks it: the log was cut, or made anew"
        _say(report, Wrong.CHECKPOINT_GONE, place, text, chain, entry.number)
        if isinstance(entry, Checkpoint):
            items = report.checkpoints.setdefault(entry.chain, [])
            if all(entry.digest != item.digest for item in items):
                items.append(entry)
                items.sort(key=lambda item: item.size)
    return report
