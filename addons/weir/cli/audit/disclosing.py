"""Reading kept texts: who reads, with which keys, and the record of it, which is on disk before anything is shown."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weir.cli.output import fail

if TYPE_CHECKING:
    from weir.audit.content.kek import KeyRing
    from weir.audit.content.parts import Content

__all__ = ["by", "disclosed", "key_reference", "reason_given", "ring_for"]

_REASON_MAX, _NAME_MAX = 500, 64


def by() -> str:
    """The account that asks, as this machine knows it and not as its environment says: ``root (for anna)`` where sudo
    says for whom. Of others nobody believes that."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"uid {uid}"
    asked = os.environ.get("SUDO_USER", "") if uid == 0 else ""
    asked = "".join(char for char in asked if char.isprintable())[:_NAME_MAX]
    return f"{name} (for {asked})" if asked and asked != name else name


def reason_given(command: str, reason: str) -> str:
    """The reason on one line; the command ends when there is none."""
    plain = " ".join("".join(char if char.isprintable() else " " for char in reason).split())
    if not plain:
        raise fail(command, "say why, it goes into the audit: --reason TEXT", 2)
    if len(plain) > _REASON_MAX:
        raise fail(command, f"a reason has at most {_REASON_MAX} characters", 2)
    return plain


def key_reference(command: str, data: Path, policy: Path | None) -> str | None:
    """Where the wrapping keys are by the named policy, or else the running weir's; None: in their file."""
    from weir.cli.checkup.process import policy_file
    from weir.cli.running import running
    from weir.settings import PolicyError, load

    found = running(data) if policy is None else None
    path = policy or (policy_file(found) if found is not None else None)
    if path is None:
        return None
    try:
        return load(path).audit.content.key
    except (PolicyError, OSError) as error:
        raise fail(command, f"{path}: {str(error).splitlines()[0]}", 2) from None


def ring_for(command: str, data: Path, policy: Path | None) -> KeyRing:
    """The wrapping keys; the command ends when they are not to be had."""
    from weir.audit.content.kek import KeyRingError
    from weir.edge.content.wrapping import ring_of

    reference = key_reference(command, data, policy)
    try:
        return ring_of(data, reference)
    except KeyRingError as error:
        where = "" if reference or policy else "; where audit.content.key is set, name the policy with --policy"
        raise fail(command, f"the content keys cannot be had: {error}{where}") from None


def disclosed(
    command: str, data: Path, ring: KeyRing, rows: Sequence[Mapping[str, Any]], reason: str
) -> dict[str, Content | str]:
    """The texts of these events by event id, or why there are none; that they were read is on disk before this returns.

    The command ends, with nothing shown, when that can't be written down.
    """
    from weir.audit.content.erase import reading_record
    from weir.audit.content.keyfile import KeyFileError
    from weir.audit.content.reader import ContentReader, Opened
    from weir.audit.spool.records import write_records
    from weir.datadir import DataDir, DataDirError

    asked = {str(row["event_id"]): row for row in rows if row.get("content_ct_hash")}
    if not asked:
        return {}
    found: dict[str, Content | str] = {}
    who, made = by(), []
    try:
        with ContentReader(data / "content", ring) as reader:
            for one in reader.read_each({event_id: str(row["content_ct_hash"]) for event_id, row in asked.items()}):
                opened = isinstance(one, Opened)
                found[one.event_id] = one.content if isinstance(one, Opened) else one.why
                exchange = str(asked[one.event_id].get("exchange_id") or "")
                outcome = "opened" if opened else found[one.event_id]
                made.append(reading_record(one.event_id, exchange, by=who, reason=reason, outcome=str(outcome)))
    except (KeyFileError, OSError) as error:
        raise fail(command, f"the texts cannot be read ({_plain(error)})") from None
    try:
        directory = DataDir(data)
        write_records(directory.spool, directory.proxy_id, made)
    except (OSError, DataDirError) as error:
        why = f"nothing is shown, for that could not be written into the audit ({_plain(error)})"
        raise fail(command, why) from None
    return found


def _plain(error: Exception) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
