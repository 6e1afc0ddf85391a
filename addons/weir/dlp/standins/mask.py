"""Changes texts as policy decided: secrets go one way, personal data may come back in the reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from weir.dlp.core.overlaps import strength
from weir.dlp.standins.conversations import Beginning
from weir.dlp.standins.leftovers import Rescan, strike_out
from weir.dlp.standins.pseudonyms import Pseudonyms, Restorer, literals
from weir.model import Action, Finding, Segment
from weir.ports import TextMap

__all__ = ["ConversationMasker"]

_EDITS = (Action.REDACT, Action.PSEUDONYMISE)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A stretch of one text to be replaced. ``kind`` is the detector's short name."""

    start: int
    end: int
    kind: str
    restorable: bool


class ConversationMasker:
    """A `weir.ports.Masker` for one exchange of a conversation.

    ``earlier`` are placeholders of the conversation that the provider has seen in turns it keeps: they may come back
    too. ``segments`` are what the exchange says, in case nothing of it is edited. ``answered`` is told the id of the
    reply and all placeholders that stand behind it. ``rescan`` looks for what an edit leaves behind.
    """

    def __init__(
        self,
        pseudonyms: Pseudonyms | Beginning,
        conversation: str = "",
        earlier: frozenset[str] = frozenset(),
        segments: Sequence[Segment] = (),
        answered: Callable[[str, frozenset[str]], None] | None = None,
        rescan: Rescan | None = None,
    ) -> None:
        self.conversation = conversation
        self._pseudonyms = pseudonyms
        self._earlier = earlier
        self._segments = segments
        self._answered = answered
        self._rescan = rescan
        self._issued: dict[str, str] = {}

    def edits(
        self, segments: Sequence[Segment], findings: Sequence[Finding], treatments: Sequence[Action]
    ) -> Mapping[str, str]:
        """New texts by pointer, for the segments that a REDACT or PSEUDONYMISE treatment changes.

        ``treatments`` has one entry a finding. Findings that overlap are replaced as one, and if one of them is
        redacted, all are. A secret is redacted even where PSEUDONYMISE is asked: it must never come back. Raises
        ValueError when what was treated is still found afterwards.
        """
        cuts = _cuts(segments, findings, treatments)
        if not cuts:
            return {}
        texts = self._replaced(segments, cuts)
        if self._rescan is None:
            return texts
        treated = frozenset(f.detector for f, action in zip(findings, treatments, strict=True) if action in _EDITS)
        return strike_out(segments, texts, treated, self._rescan)

    def _replaced(self, segments: Sequence[Segment], cuts: Sequence[tuple[int, _Cut]]) -> dict[str, str]:
        taken = self._take(segments)
        wanted = [(cut.kind, segments[index].text[cut.start : cut.end]) for index, cut in cuts if cut.restorable]
        placeholders = iter(self._pseudonyms.issue(wanted, taken) if wanted else ())
        values = iter(wanted)
        texts: dict[int, list[str]] = {}
        ends: dict[int, int] = {}
        for index, cut in cuts:
            placeholder = next(placeholders) if cut.restorable else None
            if cut.restorable:
                value = next(values)[1]
                if placeholder is not None:
                    self._issued[placeholder] = value
            kept = segments[index].text[ends.get(index, 0) : cut.start]
            texts.setdefault(index, []).extend((kept, placeholder or f"[REDACTED:{cut.kind}]"))
            ends[index] = cut.end
        return {
            segments[index].pointer: "".join((*parts, segments[index].text[ends[index] :]))
            for index, parts in texts.items()
        }

    def restorer(self) -> TextMap | None:
        """Puts back what ``edits`` pseudonymised here, and in turns the provider keeps; None when that was nothing."""
        known = self._known()
        return Restorer(known) if known else None

    def answered(self, response_id: str) -> None:
        """The reply had this id: an exchange that goes on from it finds the same placeholders."""
        if self._answered is not None:
            self._answered(response_id, frozenset(self._known()))

    def _known(self) -> dict[str, str]:
        if self._earlier and self._segments:
            self._take(self._segments)
        return {**self._pseudonyms.values(self._earlier), **self._issued}

    def _take(self, segments: Sequence[Segment]) -> set[str]:
        """The literals that a prompt says itself: no longer ours to restore."""
        taken = literals(segment.text for segment in segments)
        self._segments = ()
        if taken:
            self._earlier -= taken
            for literal in taken:
                self._issued.pop(literal, None)
            self._pseudonyms.said(taken)
        return taken

    def __repr__(self) -> str:
        return f"ConversationMasker({len(self._issued)} values, hidden)"


def _cuts(
    segments: Sequence[Segment], findings: Sequence[Finding], treatments: Sequence[Action]
) -> list[tuple[int, _Cut]]:
    """What to replace, by segment and in text order, with overlapping findings made one."""
    treated = [
        (finding, action is Action.PSEUDONYMISE and finding.category != "secret")
        for finding, action in zip(findings, treatments, strict=True)
        if action in _EDITS and finding.start < finding.end
    ]
    treated.sort(key=lambda item: (item[0].segment, item[0].start, -item[0].end, item[0].detector))
    cuts: list[tuple[int, _Cut]] = []
    group: list[tuple[Finding, bool]] = []
    for item in treated:
        if group and (item[0].segment != group[0][0].segment or item[0].start >= max(f.end for f, _ in group)):
            cuts.append(_cut(group))
            group = []
        group.append(item)
    if group:
        cuts.append(_cut(group))
    return cuts


def _cut(group: Sequence[tuple[Finding, bool]]) -> tuple[int, _Cut]:
    restorable = all(may_return for _, may_return in group)
    # Among those that decide: a redaction names the strongest finding that asked for it.
    deciding = [finding for finding, may_return in group if may_return == restorable]
    first = min(deciding, key=lambda f: strength(f.start, f.end, f.score, f.severity, f.detector))
    start = min(finding.start for finding, _ in group)
    end = max(finding.end for finding, _ in group)
    return first.segment, _Cut(start, end, first.detector.rpartition("/")[2], restorable)
