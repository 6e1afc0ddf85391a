"""``weir keys``: issue, list and revoke the virtual keys that clients hold in place of real ones."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weir.cli.options import DATA, DataOption, FormatOption
from weir.cli.output import fail, note, table, write, write_json
from weir.cli.times import after

if TYPE_CHECKING:
    from weir.keys.virtual import VirtualKey, VirtualKeys

__all__ = ["app"]

app = typer.Typer(help="Virtual keys: create, list, revoke.", no_args_is_help=True)


@app.command()
def create(
    app: Annotated[str, typer.Option(help="The application that will use it.")],
    team: Annotated[str, typer.Option(help="The team that answers for it.")],
    user: Annotated[str, typer.Option(help="The person, when it is one person's key.")] = "",
    services: Annotated[str, typer.Option(metavar="A,B", help="Service ids it is good for; default: all.")] = "",
    expires: Annotated[str, typer.Option(metavar="WHEN", help="90d, 12h, 2w, or a date; default: never.")] = "",
    data: DataOption = DATA,
) -> None:
    """Issue a key. It is printed this once, alone on stdout, and stored nowhere."""
    store = _store("keys create", data, make=True)
    names = [name.strip() for name in services.split(",") if name.strip()]
    _warn_of_unknown(names)
    from weir.datadir import DataDirError
    from weir.keys.virtual import VirtualKeysError

    try:
        end = after(expires) if expires else None
        if end is not None and end <= datetime.now(UTC):
            raise ValueError("--expires lies in the past; write 90d or a later date")
        record, key = store.create(app=app, team=team, user=user, services=names, expires=end)
    except ValueError as error:
        raise fail("keys create", str(error), 2) from None
    except (DataDirError, VirtualKeysError) as error:
        raise fail("keys create", str(error)) from None
    write(key + "\n")
    until = f"until {end:%Y-%m-%d %H:%M} UTC" if end else "without end"
    note(f"{record.id}: good for {', '.join(names) or 'every service'}, {until}. It will not be shown again;")
    note(f"clients put it where the provider's key would stand. To withdraw it: weir keys revoke {record.id}")


@app.command("list")
def list_keys(data: DataOption = DATA, format: FormatOption = "table") -> None:
    """The keys that were issued: who, for what, and whether they are good. Never the keys themselves."""
    records = [_as_json(record) for record in _store("keys list", data, make=False).list()]
    if format == "json":
        return write_json(records)
    columns = ("id", "state", "app", "team", "user", "services", "expires")
    rows = []
    for record in records:
        shown = {**record, "services": record["services"] or "all", "expires": (record["expires"] or "never")[:10]}
        rows.append([shown[column] or "-" for column in columns])
    return table(columns, rows)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As in weir keys list: vk-…")],
    data: DataOption = DATA,
    format: FormatOption = "table",
) -> None:
    """Withdraw a key. A running weir refuses it within seconds."""
    from weir.datadir import DataDirError
    from weir.keys.virtual import VirtualKeysError, looks_virtual

    if looks_virtual(key_id):
        raise fail("keys revoke", "that is a key, and now it is in your shell's history; give its ID: vk-…", 2)
    store = _store("keys revoke", data, make=False)
    try:
        found = store.revoke(key_id)
    except (DataDirError, VirtualKeysError) as error:
        raise fail("keys revoke", str(error)) from None
    if not found:
        raise fail("keys revoke", f"there is no key {key_id!r}; see weir keys list")
    if format == "json":
        return write_json({"id": key_id, "revoked": True})
    return note(f"{key_id} is revoked")


def _store(command: str, data: Path, *, make: bool) -> VirtualKeys:
    from weir.datadir import DataDir, DataDirError
    from weir.keys.virtual import VirtualKeys, VirtualKeysError

    if not make and not data.is_dir():
        raise fail(command, f"{data} is no data directory; name weir's with --data")
    try:
        directory = DataDir(data)
        return VirtualKeys(directory.keys / "virtual.json", directory.secret("virtual-keys"))
    except (DataDirError, VirtualKeysError) as error:
        raise fail(command, str(error)) from None


def _warn_of_unknown(names: list[str]) -> None:
    if names:
        from weir.providers.registry import Registry

        registry = Registry.load()
        for name in names:
            if registry.by_id(name) is None:
                known = ", ".join(sorted(provider.id for provider in registry.providers))
                note(f"warning: no provider is called {name!r}; there are {known}")


def _as_json(record: VirtualKey) -> dict[str, Any]:
    why_not = record.refusal("", datetime.now(UTC))
    return {
        "id": record.id,
        "state": why_not if why_not in ("revoked", "expired") else "active",
        "app": record.app,
        "team": record.team,
        "user": record.user,
        "services": list(record.services),
        "created": record.created.isoformat() if record.created else None,
        "expires": record.expires.isoformat() if record.expires else None,
        "revoked": record.revoked.isoformat() if record.revoked else None,
    }
