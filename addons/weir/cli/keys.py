"""``weir keys``: issue, list, rotate and revoke the virtual keys that clients hold in place of real ones."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from weir.addresses import network
from weir.cli import keysreview, keystransfer
from weir.cli.keystore import as_json, known_names, opened, refuse_a_key, refuse_no_use
from weir.cli.options import DATA, DataOption, FormatOption
from weir.cli.output import clean, fail, grid, note, table, write, write_json
from weir.cli.times import after

if TYPE_CHECKING:
    from pathlib import Path

    from weir.keys.virtual import Grant, VirtualKeys

__all__ = ["app"]

_HELP = """Virtual keys: what clients hold in place of a provider's key. Create, list, rotate, revoke, review.

weir puts the real key in its place on the way out, so the real one stays where weir runs (policy section `keys`).
A virtual key says which app, team and user is calling, and can be limited to services, models, operations and
networks, in time, and by a budget.
"""

app = typer.Typer(help=_HELP, no_args_is_help=True)
PolicyOption = keysreview.PolicyOption
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="As in weir keys list: vk-…")]


@app.command()
def create(
    app: Annotated[str, typer.Option(metavar="NAME", help="The application that will use it.")],
    team: Annotated[str, typer.Option(metavar="NAME", help="The team that answers for it, as the policy names it.")],
    user: Annotated[str, typer.Option(metavar="NAME", help="The person, when it is one person's key.")] = "",
    services: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Ids of the services it is good for, as in the policy; default: all."),
    ] = None,
    models: Annotated[
        str | None, typer.Option(metavar="A,B", help="Models it is good for: globs such as 'gpt-5*'; default: all.")
    ] = None,
    operations: Annotated[
        str | None, typer.Option(metavar="A,B", help="As weir providers ID lists them: chat,messages; default: all.")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="AMOUNT/PER", help="Dollars as 50/month, or 200000 tokens/day; by UTC calendar."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="WHEN", help="90d, 12h, 2w, or a date (UTC); default: it never expires.")
    ] = None,
    networks: Annotated[
        str | None, typer.Option(metavar="CIDR,…", help="Where it may be used from; default: anywhere.")
    ] = None,
    remark: Annotated[str, typer.Option("--note", metavar="TEXT", help="For whoever reviews keys later.")] = "",
    policy: PolicyOption = None,
    data: DataOption = DATA,
) -> None:
    """Issue a key. It is printed this once, alone on stdout, and stored nowhere.

    export OPENAI_API_KEY=$(weir keys create --app report-bot --team finance --services openai --expires 90d)
    """
    from weir.keys.virtual import Grant, KeyBudget

    try:
        for option, name in (("--app", app), ("--team", team)):
            if not name.strip():
                raise ValueError(f"{option} is empty: nobody would know whose key it is; write {option} NAME")
        _refuse_empty(
            services=services, models=models, operations=operations, budget=budget, expires=expires, networks=networks
        )
        end = after(expires) if expires else None
        if end is not None and end <= datetime.now(UTC):
            raise ValueError("--expires lies in the past; write 90d or a later date")
        grant = Grant(
            app=app.strip(),
            team=team.strip(),
            user=user.strip(),
            services=known_names("services", services or ""),
            models=_several("models", models),
            operations=known_names("operations", operations or ""),
            networks=tuple(network(one) for one in _several("networks", networks)),
            budget=KeyBudget.parse(budget) if budget else None,
            expires=end,
            note=remark.strip(),
        )
        refuse_no_use(grant.services, grant.operations)
    except ValueError as error:
        raise fail("keys create", str(error), 2) from None
    new = not data.is_dir()
    with opened("keys create", data, policy, make=True) as store:
        record, key = store.issue(grant)
        try:
            _hand_out(key, store)
        except OSError as error:
            store.revoke(record.id)
            raise fail("keys create", f"cannot write the key out ({error.strerror}); it is withdrawn again") from None
    if new:
        note(f"made {data}, a new data directory: weir must run with the same one (--data)")
    _explain(record.id, grant, data)


@app.command("list")
def list_keys(policy: PolicyOption = None, data: DataOption = DATA, format: FormatOption = "table") -> None:
    """The keys that were issued: who, for what, and whether they are good. Never the keys themselves."""
    with opened("keys list", data, policy) as store:
        records = [as_json(record) for record in store.list()]
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
def show(
    key_id: IdArgument, policy: PolicyOption = None, data: DataOption = DATA, format: FormatOption = "table"
) -> None:
    """All that is known of one key: what it is good for, and when and from where it was used last."""
    refuse_a_key("keys show", key_id)
    with opened("keys show", data, policy) as store:
        found = next(((one, uses) for one, uses in store.every() if one.record.id == key_id), None)
    if found is None:
        raise fail("keys show", f"there is no key {key_id!r}; see weir keys list")
    told = as_json(found[0].record, found[1], found[0].old_until)
    if format == "json":
        return write_json(told)
    words = {"budget": "none", "expires": "never", "networks": "anywhere"}
    every = dict.fromkeys(("services", "models", "operations"), "all")
    shown = {name: value or (words | every).get(name, "-") for name, value in told.items()}
    return grid({name.replace("_", " "): clean(value) for name, value in shown.items()})


@app.command()
def revoke(
    key_id: IdArgument, policy: PolicyOption = None, data: DataOption = DATA, format: FormatOption = "table"
) -> None:
    """Withdraw a key for good. Every running weir refuses it within a second."""
    refuse_a_key("keys revoke", key_id)
    with opened("keys revoke", data, policy) as store:
        before = next((record.revoked for record in store.list() if record.id == key_id), None)
        found = store.revoke(key_id)
    if not found:
        raise fail("keys revoke", f"there is no key {key_id!r}; see weir keys list")
    if format == "json":
        return write_json({"id": key_id, "revoked": True, "already": before is not None})
    return note(f"{key_id} was revoked already, on {before:%Y-%m-%d %H:%M} UTC" if before else f"{key_id} is revoked")


@app.command()
def rotate(
    key_id: IdArgument,
    grace: Annotated[
        str, typer.Option(metavar="WHEN", help="How long the old key stays good: 24h, 7d; 0 for not at all.")
    ] = "24h",
    policy: PolicyOption = None,
    data: DataOption = DATA,
) -> None:
    """A new key in place of the old one, with the same id, limits and budget. It is printed this once, on stdout.

    The old key stays good for --grace, so that its holders can change over; weir keys show says whether they have.
    """
    refuse_a_key("keys rotate", key_id)
    try:
        left = timedelta(0) if grace in ("0", "none") else after(grace) - datetime.now(UTC)
        if not timedelta(0) <= left <= timedelta(days=366):
            raise ValueError("--grace is 0, or up to a year from now: 24h, 7d")
    except ValueError as error:
        raise fail("keys rotate", str(error), 2) from None
    with opened("keys rotate", data, policy) as store:
        done = store.rotate(key_id, left)
        if done is not None:
            try:
                _hand_out(done[1], store)
            except OSError as error:
                why = f"the new key of {key_id} could not be written out ({error.strerror}), and can't be shown again"
                raise fail("keys rotate", f"{why}; the old one ends as it was to: rotate again, or revoke it") from None
    if done is None:
        raise fail("keys rotate", f"there is no key {key_id!r}; see weir keys list")
    end = datetime.now(UTC) + left
    note(f"{key_id}: the old key is good until {end:%Y-%m-%d %H:%M} UTC" if left else f"{key_id}: the old key is gone")


def _hand_out(key: str, store: VirtualKeys) -> None:
    """Write the key first of all, whatever comes after: it is good from here on, and nobody can ask for it again."""
    write(key + "\n")
    sys.stdout.flush()
    if store.away:
        note(f"the key was stored and is good; running weirs take it once they can read the store again: {store.away}")


def _refuse_empty(**given: str | None) -> None:
    """Raises ValueError for an option that is there and says nothing: an unset variable must not lift a limit."""
    for option, text in given.items():
        if text is not None and not text.strip():
            raise ValueError(f"--{option} is empty, which would be no limit at all; give one, or leave it out")


def _explain(key_id: str, grant: Grant, data: Path) -> None:
    """All that the new key is good for: whoever forgot a limit sees it missing."""
    end = grant.expires
    until = f"until {end:%Y-%m-%d %H:%M} UTC" if end else "without end"
    note(f"{key_id}: good for {', '.join(grant.services) or 'every service'}, {until}")
    if limits := _limits(grant):
        note(f"only for {limits}")
    note("It will not be shown again. Clients put it where the provider's key would stand.")
    note(f"To withdraw it: weir keys revoke {key_id}{'' if data == DATA else f' --data {data}'}")
    if end is None:
        note("It never expires; a key made with --expires 90d would.")


def _limits(grant: Grant) -> str:
    """What narrows a key beside services and time, in words; "" when nothing does."""
    said = [f"models {', '.join(grant.models)}"] if grant.models else []
    said += [f"operations {', '.join(grant.operations)}"] if grant.operations else []
    said += [f"networks {', '.join(map(str, grant.networks))}"] if grant.networks else []
    said += [f"a budget of {grant.budget}"] if grant.budget else []
    return "; ".join(said)


def _several(option: str, text: str | None) -> tuple[str, ...]:
    text = text or ""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if text and not names:
        raise ValueError(f"--{option} is empty; name {option}, or leave it out for all of them")
    return names


app.command()(keysreview.review)
app.command("export")(keystransfer.export_keys)
app.command("import")(keystransfer.import_keys)
