"""Kept texts: are there keys for them, who may read these, and does the running weir write."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weir.cli.checkup import Result, fail, ok, warn

if TYPE_CHECKING:
    from weir.settings import Settings

__all__ = ["texts", "told"]

LAG_MOST = 1_000
_TOLD_BYTES = 64 * 1024


def told(data: Path) -> dict[str, Any] | None:
    """What the running weir says of its writer of texts; None when it says nothing."""
    try:
        with (data / "run" / "content.json").open("rb") as file:
            found = json.loads(file.read(_TOLD_BYTES))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def texts(settings: Settings, data: Path, running: dict[str, Any] | None) -> Iterator[Result]:
    """Nothing when the policy keeps nobody's texts and none are there."""
    section = settings.audit.content
    keeps = section.keep != "off" or any(one.keep != "off" for one in section.exceptions)
    if not keeps and not (data / "content").is_dir():
        return
    open_to_others = list(_modes(data))
    yield from open_to_others
    if not keeps:
        yield ok("texts", "the policy keeps nobody's texts any more; those there are end when their time is over")
        return
    yield _key(section.key, data)
    if running is not None:
        yield _writer(running)


def _modes(data: Path) -> Iterator[Result]:
    folder = data / "content"
    for path in (folder / "keys", *sorted(folder.glob("*.content"))[:100]):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            mode = stat.S_IMODE(path.stat().st_mode)
            yield fail("texts", f"{path} is open to other users (mode {mode:04o})", f"chmod 600 {path}")


def _key(reference: str | None, data: Path) -> Result:
    from weir.audit.content.kek import KeyRingError
    from weir.edge.content.wrapping import key_file, ring_of

    path = key_file(data)
    if reference is None and not path.exists():
        if (data / "content" / "keys").exists():
            return fail("texts", f"{path} is missing: nobody can read the texts", "restore it from a backup")
        return warn("texts", "there is no content key yet", "weir run makes it; a backend is safer: audit.content.key")
    try:
        count = len(ring_of(data, reference).ids)
    except KeyRingError as error:
        mend = "mend what it says; until then no texts are written, and with durability strict nothing is forwarded"
        return fail("texts", str(error), mend)
    if reference is None:
        why = "the content keys lie in the same directory as the texts: whoever copies it can read them"
        return warn("texts", why, "put them into a secret backend and name it: audit.content.key")
    if count > 1:
        more = "a rotation is under way: several content keys are in use"
        return warn("texts", more, "weir audit content-keys rotate, then take the old one out of the backend")
    return ok("texts", f"the content key is there, from {reference.partition(':')[0]}")


def _writer(running: dict[str, Any]) -> Result:
    lag, why = running.get("lag", 0), str(running.get("refused") or "")
    if why or not running.get("healthy", False):
        mend = "mend that; with durability strict nothing of which texts are kept is forwarded meanwhile"
        return fail("texts", f"the running weir cannot write texts: {why or 'its writer has ended'}", mend)
    if isinstance(lag, int) and lag > LAG_MOST:
        return warn("texts", f"{lag} events wait to be written", "look at the disk: it is slower than the traffic")
    return ok("texts", "the running weir writes them")
