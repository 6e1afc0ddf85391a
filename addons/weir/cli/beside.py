"""What stands beside a policy and decides with it: users, detectors, own prices, files of keys.

``weir check`` tells all of it; ``weir run`` refuses to start for what ``refused`` finds.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from weir.addresses import network
from weir.cli.detectors import detector_mistakes
from weir.cli.downgrades import elsewhere, unpriced
from weir.cli.failovers import failover_mistakes
from weir.cli.proofs import proof_doubts, proof_mistakes, teams_given
from weir.settings import Mistake, Settings
from weir.tenants.build import tenant_doubts, tenant_mistakes

if TYPE_CHECKING:
    from weir.identity.users import UsersError

_METADATA = (network("169.254.0.0/16"), network("fd00:ec2::254/128"))  # narrower exceptions name them on purpose

__all__ = ["doubts", "network_mistakes", "refused", "user_mistakes"]


def refused(settings: Settings) -> tuple[Mistake, ...]:
    """What keeps weir from starting with a policy that is valid in itself. Reads files, makes none."""
    return (
        *user_mistakes(settings),
        *network_mistakes(settings),
        *proof_mistakes(settings),
        *detector_mistakes(settings),
        *_prices(settings),
        *_hostless_keys(settings),
        *tenant_mistakes(settings),
        *elsewhere(settings),
        *failover_mistakes(settings),
    )


def user_mistakes(settings: Settings) -> tuple[Mistake, ...]:
    """Whether ``identity.users`` can be read: at the policy's line for the file, at the file's own for a user."""
    from weir.identity.users import Users, UsersError

    path = settings.identity.users
    if path is None:
        return ()
    try:
        Users.load(path)
    except UsersError as error:
        return tuple(_user_mistakes(settings, path, error))
    return ()


def _user_mistakes(settings: Settings, path: Path, error: UsersError) -> Iterator[Mistake]:
    add = f"weir identity add NAME --users {path}"
    for text in error.mistakes:
        rest = text.removeprefix(f"{path}:").strip()
        number, _, why = rest.partition(": ")
        if number.isdecimal():
            problem, _, remedy = why.partition("; ")
            yield Mistake(str(path), int(number), "", problem, remedy or f"correct the line, or: {add}")
        else:
            problem, _, remedy = rest.partition("; ")
            usual = f"make it with: {add}" if "No such file" in problem else "give a users file that weir can read"
            yield settings.mistake(("identity", "users"), f"{path} {problem}", remedy or usual)


def network_mistakes(settings: Settings) -> tuple[Mistake, ...]:
    """Networks that are one and the same, written in two ways."""
    from weir.identity.networks import Networks
    from weir.model import Principal

    try:
        Networks((network.cidr, Principal()) for network in settings.identity.networks)
    except ValueError as error:
        problem, _, remedy = str(error).partition("; ")
        return (settings.mistake(("identity", "networks"), problem, remedy or "correct it"),)
    return ()


def _prices(settings: Settings) -> tuple[Mistake, ...]:
    from weir.usage.overrides import PriceFileError, load

    path = settings.usage.prices
    if path is None:
        return ()
    try:
        load(path)
    except PriceFileError as error:
        # What has no line of that file is about the file as a whole, and then the policy's line is where to mend it.
        return tuple(
            one if one.line else settings.mistake(("usage", "prices"), f"{path} {one.problem}", one.remedy)
            for one in error.mistakes
        )
    return ()


def doubts(settings: Settings) -> tuple[Mistake, ...]:
    """What is probably not meant, but lets weir start: each with its line and what to do about it."""
    return (
        *_key_files(settings),
        *_key_references(settings),
        *_key_hosts(settings),
        *_empty_folders(settings),
        *unpriced(settings),
        *tenant_doubts(settings),
        *proof_doubts(settings),
        *_unknown_teams(settings),
        *_texts_alone(settings),
        *_wide_open(settings),
    )


def _key_files(settings: Settings) -> Iterator[Mistake]:
    # An env: secret belongs to the environment weir starts in; a file can be looked at from anywhere on the machine.
    from weir.keys.backends import SecretUnavailable
    from weir.keys.secrets import yields
    from weir.keys.virtual import looks_virtual

    for place, reference, form in _references(settings):
        if not reference.startswith("file:"):
            continue
        problem, remedy = "", "put the key there, mode 0600; until then its virtual keys are refused"
        try:
            if looks_virtual(yields(reference, form)):
                problem, remedy = "its file holds a virtual key", "put the provider's own key there"
        except SecretUnavailable as error:
            problem, _, mend = str(error).partition("; ")
            remedy = mend or remedy
        if problem:
            yield settings.mistake(place, problem, remedy)


def _key_references(settings: Settings) -> Iterator[Mistake]:
    """References to other backends that can't lead anywhere, as far as that shows without asking one."""
    for place, reference, _ in _references(settings):
        scheme, _, rest = reference.partition(":")
        problem, remedy = _command(rest) if scheme == "exec" else ("", "")
        if scheme == "vault" and not all(rest.partition("#")[0].strip("/").partition("/")):
            problem, remedy = "is no path in Vault", "write vault:MOUNT/PATH#FIELD"
        elif scheme == "keyring" and not all(rest.rpartition("/")):
            problem, remedy = "is no entry of a keyring", "write keyring:SERVICE/USER"
        if problem:
            yield settings.mistake(place, problem, remedy)


def _command(text: str) -> tuple[str, str]:
    # Only an absolute path is quoted: what stands where the command belongs may be the key itself.
    try:
        words = shlex.split(text)
    except ValueError:
        return "has an open quotation mark", "close it"
    if not words or not Path(words[0]).is_absolute():
        return "is not the absolute path of a command", "write exec:/usr/local/bin/read-key openai"
    if not Path(words[0]).is_file() or not os.access(words[0], os.X_OK):
        return f"{words[0]} is no program here that can be started", "put it there, or run: chmod +x"
    return "", ""


def _references(settings: Settings) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Place in the policy, reference and form of each of the company's keys."""
    for service, key in settings.keys.items():
        for index, (reference, _) in enumerate(key.entries):
            place = ("secret",) if key.secret is not None else ("secrets", index, "secret")
            yield ("keys", service, *place), reference, key.form


def _hostless_keys(settings: Settings) -> Iterator[Mistake]:
    """Keys of services where anybody can have a host or an account: they go nowhere until the policy says where."""
    from weir.providers.services.registry import Registry

    registry = Registry.load()
    for service, key in settings.keys.items():
        provider = registry.by_id(service)  # what is not known is told elsewhere
        if provider is not None and not key.hosts and not provider.bound_hosts:
            example = (*provider.hosts, *provider.shared_hosts)[0].replace("*", "yourname")
            problem = "names no hosts, and what stands there may be anybody's"
            yield settings.mistake(("keys", service), problem, f"add the company's own, like hosts: [{example}]")


def _key_hosts(settings: Settings) -> Iterator[Mistake]:
    """Keys that can't do what their form says at the hosts they are for, and such as go to anybody's."""
    from weir.keys.signing.sigv4 import signs_for
    from weir.providers.services.registry import Registry

    registry = Registry.load()
    for service, key in settings.keys.items():
        hosts, provider = key.hosts or registry.bound_hosts(service), registry.by_id(service)
        theirs = {*provider.hosts, *provider.shared_hosts} - {*provider.bound_hosts} if provider else set()
        for number, host in enumerate(key.hosts):
            if host.startswith("*.") and host in theirs:
                problem, remedy = "is anybody's, not only the company's", f"write {host.replace('*', 'yourname')}"
                yield settings.mistake(("keys", service, "hosts", number), problem, remedy)
        if key.form == "aws" and not any(signs_for(host) for host in hosts):
            problem = f"signs requests for Amazon Bedrock, and {service} has none of its hosts"
            yield settings.mistake(
                ("keys", service, "form"), problem, "leave form out, or name the service aws-bedrock"
            )


def _empty_folders(settings: Settings) -> Iterator[Mistake]:
    for index, folder in enumerate(settings.dlp.rules):
        if folder.is_dir() and not any(folder.rglob("*.yaml")):
            yield settings.mistake(
                ("dlp", "rules", index), "has no detectors in it", "put them into files called *.yaml, or remove it"
            )


def _unknown_teams(settings: Settings) -> tuple[Mistake, ...]:
    from weir.identity.users import Users, UsersError
    from weir.policy.vocabulary import unknown_teams

    identity = settings.identity
    teams = teams_given(settings)
    if teams is None:
        return ()
    if identity.users is not None:
        try:
            teams |= {user.team for user in Users.load(identity.users).principals()}
        except UsersError:
            return ()  # told already, and without the users nobody knows the teams
    elif not teams:
        return ()  # everybody comes with a virtual key, and those are not the policy's
    return unknown_teams(settings, teams - {""})


def _texts_alone(settings: Settings) -> Iterator[Mistake]:
    """Texts that stay longer than the records they belong to: nobody finds them any more, and they are still there."""
    content, kept = settings.audit.content, settings.audit.retention
    longest = max([kept.days, *(one.days for one in kept.exceptions)])
    ways: list[tuple[tuple[str | int, ...], str, int]] = [(("days",), content.keep, content.days)]
    for index, one in enumerate(content.exceptions):
        if one.days is not None:
            ways.append((("except", index, "days"), one.keep, one.days))
    for place, keep, days in ways:
        if keep != "off" and days > longest:
            problem = f"keeps texts for {days} days, and no record of them for more than {longest}"
            yield settings.mistake(("audit", "content", *place), problem, f"write {longest}, or raise retention.days")


def _wide_open(settings: Settings) -> Iterator[Mistake]:
    """An exception holds for the addresses of credentials too: one that is too wide opens them."""
    if settings.destinations.metadata != "block":
        return
    for index, text in enumerate(settings.destinations.exempt):
        wide = network(text)
        if any(wide.version == one.version and one.subnet_of(wide) for one in _METADATA):  # type: ignore[arg-type]
            problem = "takes in the addresses where clouds hand out credentials"
            remedy = "name the networks of your model servers, or write metadata: allow if it is meant"
            yield settings.mistake(("destinations", "except", index), problem, remedy)
