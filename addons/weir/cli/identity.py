"""``weir identity``: who may log in at the proxy."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weir.cli.options import FormatOption
from weir.cli.output import clean, fail, note, table, write_json

if TYPE_CHECKING:
    from weir.model import Principal
    from weir.sections_identity import Issuer

__all__ = ["app"]

app = typer.Typer(help="Who may log in at the proxy: add, list, remove users; try a token.", no_args_is_help=True)

_OPTIONS = {"claims": "claim", "algorithms": "algorithm"}  # how the policy calls it → how the command does
_LONGEST = 4096  # bytes of a password on stdin
_LONGEST_TOKEN = 64 * 1024
_COLUMNS = ("name", "team", "app", "device", "groups")

UsersOption = Annotated[Path, typer.Option("--users", help="The users file that the policy names (identity.users).")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]


@app.command()
def add(
    name: NameArgument,
    users: UsersOption,
    team: Annotated[str | None, typer.Option(help="The user's team.")] = None,
    app: Annotated[str | None, typer.Option(help="The application, for a login that no person uses.")] = None,
    device: Annotated[str | None, typer.Option(help="The device, for a login that belongs to one.")] = None,
    groups: Annotated[
        str | None, typer.Option(metavar="A,B", help="The user's groups, as permissions name them.")
    ] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
) -> None:
    """Add a user, or give one a new password: what is not named stays. The file holds scrypt hashes only."""
    from weir.datadir import DataDirError
    from weir.identity import users as users_file

    password = _password(name, password_stdin)
    several = None if groups is None else tuple(one.strip() for one in groups.split(",") if one.strip())
    try:
        user = users_file.add(users, name, password, team=team, app=app, device=device, groups=several)
    except users_file.UsersError as error:
        raise fail("identity add", str(error)) from None
    except ValueError as error:
        raise fail("identity add", str(error), 2) from None
    except DataDirError as error:
        raise fail("identity add", str(error)) from None
    told = "".join(f", {key} {clean(value)}" for key, value in _as_json(user).items() if key != "name" and value)
    note(f"{clean(user.user)}{told} may log in; a running weir takes it over within seconds")


@app.command("list")
def list_users(users: UsersOption, format: FormatOption = "table") -> None:
    """The users of the file and whom each login stands for. Never a hash."""
    from weir.identity.users import Users, UsersError

    try:
        found = [_as_json(user) for user in Users.load(users).principals()]
    except UsersError as error:
        raise fail("identity list", str(error)) from None
    if format == "json":
        return write_json(found)
    return table(tuple(_COLUMNS), [[user[column] or "-" for column in _COLUMNS] for user in found])


@app.command()
def remove(name: NameArgument, users: UsersOption) -> None:
    """Take a user out of the file."""
    from weir.datadir import DataDirError
    from weir.identity import users as users_file

    try:
        found = users_file.remove(users, name)
    except (users_file.UsersError, DataDirError) as error:
        raise fail("identity remove", str(error)) from None
    if not found:
        raise fail("identity remove", f"there is no user {name!r} in {users}; see weir identity list --users {users}")
    note(f"{name} is removed")


@app.command()
def token(
    policy: Annotated[
        Path | None, typer.Option(help="By the identity.issuers of this policy, with their claims, teams and require.")
    ] = None,
    issuer: Annotated[str, typer.Option(help="The issuer's address, as its tokens name it.")] = "",
    audience: Annotated[str, typer.Option(help="The audience that a token has to be for.")] = "",
    jwks: Annotated[str | None, typer.Option(help="Where its keys are; else its discovery document says.")] = None,
    claim: Annotated[list[str] | None, typer.Option(help="FIELD=CLAIM, e.g. user=email; may be repeated.")] = None,
    algorithm: Annotated[list[str] | None, typer.Option(help="An algorithm to allow; may be repeated.")] = None,
    format: FormatOption = "table",
) -> None:
    """Whom a token on stdin stands for, or why nobody, by a policy or by the rules given. The token is not shown."""
    from weir.identity.trying import TryError, issuer_of, try_token

    if policy is not None and (issuer or audience or jwks or claim or algorithm):
        raise fail("identity token", "--policy says all of it; leave the other options out", 2)
    if policy is None and not (issuer and audience):
        raise fail(
            "identity token", "nothing says whose tokens count; give --policy FILE, or --issuer and --audience", 2
        )
    rules = _given(issuer, audience, jwks, claim, algorithm) if policy is None else None
    issuers = [rules] if rules else _issuers(policy) if policy else []
    said = sys.stdin.buffer.read(_LONGEST_TOKEN).decode("ascii", "replace").strip()
    try:
        user = try_token(rules or issuer_of(said, issuers), said)
    except TryError as error:
        raise fail("identity token", clean(str(error))) from None
    if format == "json":
        return write_json(_as_json(user))
    row = _as_json(user)
    return table(tuple(_COLUMNS), [[clean(row[column]) if row[column] else "-" for column in _COLUMNS]])


def _issuers(policy: Path) -> Sequence[Issuer]:
    from weir.settings import PolicyError, load

    try:
        issuers = load(policy).identity.issuers
    except PolicyError as error:
        more = f" (weir check {policy} lists all)" if len(error.mistakes) > 1 else ""
        raise fail("identity token", f"{error.mistakes[0]}{more}") from None
    if not issuers:
        raise fail("identity token", f"{policy}: names no issuers; add identity.issuers, or give --issuer")
    return issuers


def _given(
    issuer: str, audience: str, jwks: str | None, claim: list[str] | None, algorithm: list[str] | None
) -> Issuer:
    from pydantic import ValidationError

    from weir.sections_identity import Issuer

    given: dict[str, Any] = {"issuer": issuer, "audience": audience, "jwks": jwks}
    given |= {"algorithms": algorithm} if algorithm else {}
    given |= {"claims": _claims(claim)} if claim else {}
    try:
        return Issuer.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:
            raise fail("identity token", "no --claim says who it is; add --claim user=sub", 2) from None
        option, remedy = str(first["loc"][0]), first.get("ctx", {}).get("remedy")
        said = f"--{_OPTIONS.get(option, option)} {first['msg']}" + (f"; {remedy}" if remedy else "")
        raise fail("identity token", said, 2) from None


def _claims(given: list[str]) -> dict[str, str]:
    from weir.sections_identity import CLAIMS

    pairs = [(field, name) for field, _, name in (one.partition("=") for one in given)]
    for field, name in pairs:
        if field not in CLAIMS or not name:
            known = ", ".join(CLAIMS)
            message = f"--claim is FIELD=CLAIM, with FIELD one of {known}; write --claim user=email"
            raise fail("identity token", message, 2)
    return dict(pairs)


def _as_json(user: Principal) -> dict[str, Any]:
    return {
        "name": user.user,
        "team": user.team,
        "app": user.app,
        "device": user.device,
        "groups": list(user.groups),
    }


def _password(name: str, from_stdin: bool) -> str:
    if from_stdin:
        data = sys.stdin.buffer.read(_LONGEST + 1)
        if len(data) > _LONGEST:
            raise fail("identity add", f"the password on stdin is longer than {_LONGEST} bytes", 2)
        try:
            return data.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise fail("identity add", "the password on stdin is not UTF-8", 2) from None
    if not sys.stdin.isatty():
        raise fail("identity add", "there is no terminal to ask for the password; use --password-stdin", 2)
    return str(typer.prompt(f"Password of {name}", hide_input=True, confirmation_prompt=True, err=True))
