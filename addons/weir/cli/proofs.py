"""What stands beside the policy's section ``identity`` and decides who is known: CA files, keys of peers, the order.

Also what its permissions, and teams, leave open.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from weir.settings import Mistake, Settings

__all__ = ["proof_doubts", "proof_mistakes", "teams_given"]

_Place = tuple[str | int, ...]


def proof_mistakes(settings: Settings) -> tuple[Mistake, ...]:
    """What keeps weir from starting: files of CAs that are none, keys of peers that are none or stand there twice."""
    return (*_authorities(settings), *_peers(settings))


def _authorities(settings: Settings) -> Iterator[Mistake]:
    identity = settings.identity
    named: list[tuple[_Place, Path]] = []
    if identity.certificates is not None:
        named.append((("identity", "certificates", "ca"), identity.certificates.ca))
    if identity.ldap is not None and identity.ldap.ca is not None:
        named.append((("identity", "ldap", "ca"), identity.ldap.ca))
    for place, path in named:
        problem = _ca_problem(path)
        if problem:
            yield settings.mistake(place, f"{path} {problem}", "give a PEM file with the certificates of the CA")


def _ca_problem(path: Path) -> str:
    from weir.identity.certificates import Certificates

    try:
        Certificates(path.read_bytes(), ())
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except ValueError:
        return "holds no CA certificate"
    return ""


def _peers(settings: Settings) -> Iterator[Mistake]:
    from weir.identity.peers import Peers
    from weir.model import Principal

    try:
        Peers((one.key, one.addresses, Principal()) for one in settings.identity.peers)
    except ValueError as error:
        problem, _, remedy = str(error).partition("; ")
        yield settings.mistake(("identity", "peers"), problem, remedy or "correct it")


def proof_doubts(settings: Settings) -> tuple[Mistake, ...]:
    """Sources that are named and have nothing to go by, and such as have something and are not named."""
    identity = settings.identity
    found: list[Mistake] = []
    if "strength" in identity.model_fields_set and not identity.required:
        problem = "counts only with required: true"
        found.append(settings.mistake(("identity", "strength"), problem, "add required: true, or remove it"))
    if "sources" in identity.model_fields_set:
        found += _sources(settings)
    found += _operations(settings)
    found += _models(settings)
    return tuple(found)


def _sources(settings: Settings) -> Iterator[Mistake]:
    identity = settings.identity
    given = {
        "certificate": ("certificates", identity.certificates is not None),
        "jwt": ("issuers", bool(identity.issuers)),
        "basic": ("users or ldap", identity.users is not None or identity.ldap is not None),
        "peer": ("peers", bool(identity.peers)),
        "process": ("processes", bool(identity.processes)),
        "network": ("networks", bool(identity.networks)),
    }
    for source, (section, there) in given.items():
        if source in identity.sources and not there:
            place: _Place = ("identity", "sources", identity.sources.index(source))
            yield settings.mistake(place, f"has no {section} to go by", f"give {section}, or remove {source}")
        elif there and source not in identity.sources:
            problem = f"do not name {source}, so that what {section} say counts for nothing"
            yield settings.mistake(("identity", "sources"), problem, f"add {source}, or remove {section}")


def _operations(settings: Settings) -> Iterator[Mistake]:
    """Operations of permissions that no provider has: such a permission allows nothing at all."""
    if not any(one.operations for one in settings.identity.permissions):
        return
    from weir.fields import nearest
    from weir.providers.services.registry import Registry

    known = {str(one.operation) for provider in Registry.load().providers for one in provider.operations}
    for index, permission in enumerate(settings.identity.permissions):
        for number, word in enumerate(permission.operations or ()):
            if not any(fnmatchcase(name, word) for name in known):
                guess = nearest(word, known)
                place = ("identity", "permissions", index, "operations", number)
                remedy = f"write {guess}" if guess else "weir providers ID lists those of a service"
                yield settings.mistake(place, "names no known operation", remedy)


def _models(settings: Settings) -> Iterator[Mistake]:
    """Models that are named for a caller whose operations are open: what names no model at all passes."""
    problem = "do not bind what names no model: files, and what is kept with a provider, such as assistants"
    narrowed = False
    for index, permission in enumerate(settings.identity.permissions):
        narrowed = narrowed or permission.operations is not None
        if permission.models is not None and permission.operations is None:
            remedy = "add operations, like operations: [chat, responses, messages]"
            yield settings.mistake(("identity", "permissions", index, "models"), problem, remedy)
    # Who has thought of operations, in whatever way, is not told.
    narrowed = narrowed or any(rule.when.operation is not None and rule.then == "block" for rule in settings.rules)
    for name, team in settings.teams.items():
        if team.models is not None and not narrowed:
            remedy = "add a rule with if: {team: …, operation: [files, assistants]} and then: block"
            yield settings.mistake(("teams", name, "models"), problem, remedy)


def teams_given(settings: Settings) -> set[str] | None:
    """The teams that the section's sources give, the users file aside; None when a token may carry any."""
    identity = settings.identity
    if any("team" in one.claims and not one.teams for one in identity.issuers):
        return None
    teams = {one.team for one in identity.networks} | {one.team for one in identity.peers}
    teams |= {one.team for one in identity.processes}
    teams |= {one.team for one in (identity.certificates.names if identity.certificates else ())}
    teams |= {team for one in identity.issuers for team in one.teams.values()}
    teams |= set(identity.ldap.teams.values() if identity.ldap else ())
    return teams - {""}
