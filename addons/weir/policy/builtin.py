"""Decisions that sections of the policy ask for outside ``rules``: each an ordinary hit, with an id of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from weir.model import Action, Endpoint, Inspection, OnFailure
from weir.policy.case import Case
from weir.policy.credentials import credential_hit
from weir.policy.rules import Glob, Hit, service_names
from weir.settings import Settings

__all__ = ["BuiltIn", "built_in", "early", "wants_model"]

BuiltIn = Callable[[Case], Hit | None]


@dataclass(frozen=True, slots=True)
class _TeamGlobs:
    models: Glob | None
    services: Glob | None


def _identity_required(case: Case) -> Hit | None:
    if not case.concerns_ai or case.principal.method != "none":
        return None
    return Hit(
        "identity-required",
        Action.BLOCK,
        "The company's AI policy asks who is calling: sign in to the proxy, or use your virtual key.",
        "caller not identified",
    )


def _objected(case: Case) -> Hit | None:
    objection = case.objection
    if objection is None or case.direction != "request":
        return None
    return Hit(objection.rule_id, Action.BLOCK, objection.say, objection.why)


def _is_address(name: str) -> bool:
    """An unlisted service may be reached by its address under any name; a known one has to prove its name."""
    return name[-1:].isdigit() or ":" in name


def _host_mismatch(case: Case) -> Hit | None:
    # The certificate check binds the connection to one name only: with two, nobody knows which one gets the prompt.
    names = [name for name in case.names if not (case.discovered and _is_address(name))]
    if not case.concerns_ai or len(names) < 2:
        return None
    say = "This request names different hosts in its TLS handshake and its headers, so it was not sent to either."
    if any(map(_is_address, names)):  # no name in the handshake, or plain HTTP that was redirected here
        say = "Nothing proves that the address this request went to is the one of the host it names: use https."
    return Hit("host-mismatch", Action.BLOCK, say, "the request names more than one host")


def _on_failure(action: Action) -> BuiltIn:
    def decide(case: Case) -> Hit | None:
        # A body on an AI host that no dialect reads is content unread, known path or not.
        unread = case.inspection is Inspection.UNPARSED and case.concerns_ai
        # A client that takes no certificate of ours lets nobody look, and is asked about for that alone.
        if not unread and case.inspection not in (Inspection.FAILED, Inspection.PINNED):
            return None
        why = f"inspection {case.inspection}" + (f" ({case.reason})" if case.reason else "")
        say = "This request could not be inspected, and the company's AI policy lets nothing pass uninspected."
        return Hit("on-failure", action, say, why)

    return decide


_NO_MODEL = frozenset({"files", "page", "skills"})
_NO_MODEL_FORMATS = frozenset({"openai_json", "anthropic_json"})  # what is kept with the provider, for any model
_TOOLS = "mcp."  # operations on servers of tools, where no model answers


def wants_model(endpoint: Endpoint) -> bool:
    """Whether a request to ``endpoint`` is for a model, so that one which names none gets the provider's default."""
    formatted = endpoint.dialect and endpoint.dialect not in _NO_MODEL_FORMATS
    return bool(formatted) and endpoint.operation not in _NO_MODEL and not endpoint.operation.startswith(_TOOLS)


def _team_models(teams: dict[str, _TeamGlobs]) -> BuiltIn:
    def decide(case: Case) -> Hit | None:
        team = teams.get(case.principal.team)
        if team is None or team.models is None or not case.concerns_ai:
            return None
        # A request whose wire format we read but which names no model gets the provider's default, which is not listed.
        # A file is for no model yet.
        others = case.other_models if case.direction == "request" else ()
        if not (case.model or others) and not (case.endpoint and wants_model(case.endpoint)):
            return None
        if all(map(team.models, others)) and (team.models(case.model) or (others and not case.model)):
            return None
        if others and (not case.model or team.models(case.model)):
            say = "Team {team} may not use one of the models that this request names."
            return Hit("team-models", Action.BLOCK, say, "another model that is named is not allowed for the team")
        why = "model not allowed for the team" if case.model else "no model named"
        return Hit("team-models", Action.BLOCK, "Team {team} may not use the model {model}.", why)

    return decide


def _team_services(teams: dict[str, _TeamGlobs]) -> BuiltIn:
    def decide(case: Case) -> Hit | None:
        team = teams.get(case.principal.team)
        if team is None or team.services is None or not case.concerns_ai:
            return None
        if any(team.services(name) for name in service_names(case)):
            return None
        return Hit(
            "team-services", Action.BLOCK, "Team {team} may not use {service}.", "service not allowed for the team"
        )

    return decide


def early(settings: Settings) -> tuple[BuiltIn, ...]:
    """Those of the decisions that need no body: who calls, and for which service."""
    required = (_identity_required,) if settings.identity.required else ()
    return (*required, _objected)


def built_in(settings: Settings) -> tuple[BuiltIn, ...]:
    """The decisions that ``settings`` ask for, in the order in which they name a verdict."""
    teams = {
        name: _TeamGlobs(
            None if team.models is None else Glob(team.models, fold=True),
            None if team.services is None else Glob(team.services, fold=True),
        )
        for name, team in settings.teams.items()
    }
    # Let through for being unreadable still leaves a trace: an alert, never a silent allow.
    failure = Action.BLOCK if settings.on_failure is OnFailure.BLOCK else Action.ALERT
    found: list[BuiltIn] = [_host_mismatch, *early(settings)]
    if settings.credentials.kinds or settings.credentials.services:
        found.append(partial(credential_hit, settings))
    if any(team.models for team in teams.values()):
        found.append(_team_models(teams))
    if any(team.services for team in teams.values()):
        found.append(_team_services(teams))
    return (*found, _on_failure(failure))
