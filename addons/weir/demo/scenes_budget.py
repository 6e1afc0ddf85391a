"""A scene of money: what a team may spend, the cheaper model in the dearer one's place, and the end of it."""

from __future__ import annotations

import json

from weir.demo.clients import OpenAI
from weir.demo.scenes_chat import QUESTION
from weir.demo.scenes_model import Cast, Differs, Row, Scene, need, only, reply_to, status_of
from weir.demo.stage import PILOT

__all__ = ["BUDGET"]

_DEAR, _CHEAP = "gpt-5", "gpt-5-mini"
_FEW, _MANY = 200, 1_000
_RULE = "budget"
_HOST = OpenAI.host


def budget(cast: Cast) -> str:
    """Ask the dear model, then the cheap one for more than is left."""
    import openai

    mark = cast.upstream.mark()
    said = OpenAI(model=_DEAR, tokens_max=_FEW).chat(cast.pilot_key, QUESTION)
    need(said == reply_to(QUESTION), "another answer")
    asked = json.loads(only(cast.upstream.arrived(mark), _HOST).body).get("model")
    need(asked == _CHEAP, "the provider was not asked for the cheaper model")
    mark = cast.upstream.mark()
    try:
        OpenAI(model=_CHEAP, tokens_max=_MANY).chat(cast.pilot_key, QUESTION)
    except openai.RateLimitError as error:
        need(_RULE in str(error), "the refusal does not name the rule")
        need(error.response.headers.get("x-should-retry") == "false", "the SDK would try again")
        need(not cast.upstream.arrived(mark), "the request went upstream all the same")
        return f"{_DEAR} answered by {_CHEAP}; then {type(error).__name__} {status_of(error)}"
    raise Differs("the request over the budget was let through")


BUDGET = Scene(
    "A budget",
    "Team pilot has a tenth of a cent a day.",
    "a cheaper model, then the SDK's rate-limit error",
    budget,
    (Row(_HOST, "downgrade", _RULE, team=PILOT, read=QUESTION), Row(_HOST, "block", _RULE, team=PILOT)),
)
