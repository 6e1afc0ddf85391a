"""Virtual keys: can their store be read, here and now, and does any of them end soon."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from weir.cli.checkup import Result, fail, ok, warn
from weir.cli.output import many

if TYPE_CHECKING:
    from weir.settings import Settings

__all__ = ["virtual_keys"]

SOON = timedelta(days=14)
_MEND = "until it can be read no virtual key is taken, and a weir that runs takes those it knows for 30 s"


def virtual_keys(settings: Settings, data: Path) -> list[Result]:
    """Whether the store of virtual keys can be read; nothing where nobody has issued one. Makes no file."""
    from weir.datadir import DataDir, DataDirError
    from weir.edge.keys.keystore import keys_of
    from weir.edge.limits.limitstores import ledger_file
    from weir.keys.virtual import VirtualKeysError

    server = settings.stores.budgets is not None
    if not server and not ledger_file(data).exists() and not (data / "keys" / "virtual.json").exists():
        return []
    try:
        keys = keys_of(settings, DataDir(data), later=True)
        try:
            found = [one.record for one, _ in keys.every()]
        finally:
            keys.stop()
    except ValueError as error:
        return [fail("virtual keys", str(error), "run weir doctor where weir starts; the reference must yield a URL")]
    except (DataDirError, VirtualKeysError) as error:
        return [fail("virtual keys", str(error), _MEND)]
    now = datetime.now(UTC)
    good = [record for record in found if record.state(now) == "active"]
    soon = sum(record.expires is not None and record.expires < now + SOON for record in good)
    told = f"{many(len(good), 'key')} good, of {len(found)}, in {'PostgreSQL' if server else ledger_file(data).name}"
    if soon:
        return [warn("virtual keys", f"{told}; {soon} to end within 14 days", "weir keys review --expiring 14d")]
    return [ok("virtual keys", told)] if found else []
