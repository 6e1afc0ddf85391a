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

_HELP = """Virtual keys: what clients hold in place of a provider's key. Create, list, revoke.

weir puts the real key in its place on the way out, so the real one stays where weir runs (policy section `keys`).
A virtual key says which app, team and user is calling, and can be limited to services and in time.
"""

app = typer.Typer(help=_HELP, no_args_is_help=True)


@app.command()
def create(
    app: Annotated[str, typer.Option(metavar="NAME", help="The application that will use it.")],
    team: Annotated[str, typer.Option(metavar="NAME", help="The team that answers for it, as the policy names it.")],
    user: Annotated[str, typer.Option(metavar="NAME", help="The person, when it is one person's key.")] = "",
    services: Annotated[
        str, typer.Option(metavar="A,B", help="Ids of the services it is good for, as in the policy; default: all.")
    ] = "",
    expires: Annotated[
        str, typer.Option(metavar="WHEN", help="90d, 12h, 2w, or a date (UTC); default: it never expires.")
    ] = "",
    data: DataOption = DATA,
) -> None:
    """Issue a key. It is printed this once, alone on stdout, and stored nowhere.

    export OPENAI_API_KEY=$(weir keys create --app report-bot --team finance --services openai --expires 90d)
    """
    from weir.datadir import DataDirError
    from weir.keys.virtual import VirtualKeysError

    try:
        for option, name in (("--app", app), ("--team", team)):
            if not name.strip():
                raise ValueError(f"{option} is empty: nobody would know whose key it is; write {option} NAME")
        names = _services(services)
        end = after(expires) if expires else None
        if end is not None and end <= datetime.now(UTC):
            raise ValueError("--expires lies in the past; write 90d or a later date")
        new = not data.is_dir()
        store = _store("keys create", data, make=True)
        record, key = store.create(app=app.strip(), team=team.strip(), user=user.strip(), services=names, expires=end)
    except ValueError as error:
        raise fail("keys create", str(error), 2) from None
    except (DataDirError, VirtualKeysError) as error:
        raise fail("keys create", str(error)) from None
    write(key + "\n")
    if new:
        note(f"made {data}, a new data directory: weir must run with the same one (--data)")
    until = f"until {end:%Y-%m-%d %H:%M} UTC" if end else "without end"
    at = "" if data == DATA else f" --data {data}"
    note(f"{record.id}: good for {', '.join(names) or 'every service'}, {until}. It will not be shown again;")
    note(f"clients put it where the provider's key would stand. To withdraw it: weir keys revoke {record.id}{at}")
    if end is None:
        note("It never expires; a key made with --expires 90d would.")


@app.command("list")
def list_keys(data: DataOption = DATA, format: FormatOption = "table") -> None:
    """The keys that were issued: who, for what, and whether they are good. Never the keys themselves."""
    records = [_as_json(record) for record in _store("keys list", data, make=False).list()]
    if format == "json":
        return write_json(records)
    columns = ("id", "state", "app", "team", "user", "services", "created", "expires")
    rows = []
    for record in records:
        days = {name: (record[name] or otherwise)[:10] for name, otherwise in (("created", "-"), ("expires", "never"))}
        shown = {**record, **days, "services": record["services"] or "all"}
        rows.append([shown[column] or "-" for column in columns])
    return table(columns, rows)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As in weir keys list: vk-…")],
    data: DataOption = DATA,
    format: FormatOption = "table",
) -> None:
    """Withdraw a key for good. A running weir refuses it within seconds."""
    from weir.datadir import DataDirError
    from weir.keys.virtual import VirtualKeysError, looks_virtual

    if looks_virtual(key_id):
        raise fail("keys revoke", "that is a key, and now it is in your shell's history; give its ID: vk-…", 2)
    store = _store("keys revoke", data, make=False)
    before = next((record.revoked for record in store.list() if record.id == key_id), None)
    try:
        found = store.revoke(key_id)
    except (DataDirError, VirtualKeysError) as error:
        raise fail("keys revoke", str(error)) from None
    if not found:
        raise fail("keys revoke", f"there is no key {key_id!r}; see weir keys list")
    if format == "json":
        return write_json({"id": key_id, "revoked": True, "already": before is not None})
    return note(f"{key_id} was revoked already, on {before:%Y-%m-%d %H:%M} UTC" if before else f"{key_id} is revoked")


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


def _services(text: str) -> list[str]:
    """The service ids of a comma-separated list. Raises ValueError for one that neither weir knows nor hosts can be."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if text and not names:
        raise ValueError("--services is empty; name services, or leave it out for all of them")
    if names:
        from weir.fields import nearest
        from weir.providers.services.registry import Registry
        from weir.shadow.catalogue import Catalogue

        providers = sorted(provider.id for provider in Registry.load().providers if provider.virtual_key_operations)
        known = {*providers, *Catalogue.load().services}
        for name in names:
            if name not in known:
                guess = nearest(name, providers) or nearest(name, known)
                remedy = f"write {guess}" if guess else "weir providers lists those with a key of their own"
                raise ValueError(f"--services: no service is called {name!r}; {remedy}")
    return list(dict.fromkeys(names))


def _time(value: datetime | None) -> str | None:
    return (
        None if value is None else f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
    )


def _as_json(record: VirtualKey) -> dict[str, Any]:
    why_not = record.refusal("", datetime.now(UTC))
    return {
        "id": record.id,
        "state": why_not if why_not in ("revoked", "expired") else "active",
        "app": record.app,
        "team": record.team,
        "user": record.user,
        "services": list(record.services),
        "created": _time(record.created),
        "expires": _time(record.expires),
        "revoked": _time(record.revoked),
    }
