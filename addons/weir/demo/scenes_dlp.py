"""Scenes of prompts that hold what must not leave: an e-mail address, a credential."""

from __future__ import annotations

import secrets
import string

from weir.demo.clients import Sdk
from weir.demo.scenes_chat import HOSTS
from weir.demo.scenes_model import Cast, Differs, Row, Scene, need, only, reply_to, status_of

__all__ = ["CREDENTIAL", "PERSONAL"]

ADDRESS = "jane.doe@example.org"
STAND_IN = "<EMAIL_ADDRESS_1>"
# Some doubles count one character more than the prompt has: at this length that makes no token more.
PROMPT = f"Tell {ADDRESS} that the river stands low, and ask her when it is going to rise."
_READ = PROMPT.replace(ADDRESS, STAND_IN)
_RULE = "no-credentials-leave"
_BASE32 = string.ascii_uppercase + "234567"
_PLAIN = frozenset(["gemini"])  # asked without a stream, so that both ways are shown


def personal(cast: Cast) -> str:
    """Send an address through each SDK: the provider must see a stand-in, the client the address."""
    pieces = [_one_address(cast, sdk) for sdk in cast.sdks]
    return f"provider: {STAND_IN}, over several events; client: {_counts(pieces)} with the address"


def _one_address(cast: Cast, sdk: Sdk) -> int:
    mark = cast.upstream.mark()
    plain = sdk.kind in _PLAIN
    pieces = [sdk.chat(cast.key, PROMPT)] if plain else [piece for piece in sdk.stream(cast.key, PROMPT) if piece]
    came = only(cast.upstream.arrived(mark), sdk.name)
    need(not came.holds(ADDRESS), f"{sdk.name}: the address reached the provider")
    need(came.holds(STAND_IN), f"{sdk.name}: the provider got no stand-in")
    need("".join(pieces) == reply_to(PROMPT), f"{sdk.name}: the client did not get its own words back")
    if not plain:
        need(STAND_IN.encode() not in came.sent, f"{sdk.name}: the provider sent the stand-in in one piece")
        need(ADDRESS in "".join(pieces[:-1]), f"{sdk.name}: the address came only at the stream's end")
    return len(pieces)


def _counts(pieces: list[int]) -> str:
    streams = [str(count) for count in pieces if count > 1]
    whole = len(pieces) - len(streams)
    told = [f"streams of {' and '.join(streams)} pieces"] if streams else []
    return " and ".join(told + [f"{whole} whole reply"] * bool(whole))


def access_key() -> str:
    """A made-up AWS access key id, new each time and in no example: what detectors must take for a real one."""
    return "AKIA" + "".join(secrets.SystemRandom().sample(_BASE32, 16))


def credential(cast: Cast) -> str:
    """Send a credential through each SDK: its own exception must come, and nothing may have gone upstream."""
    key = access_key()
    mark, links = cast.upstream.mark(), cast.upstream.connections()
    raised = [_one_refusal(cast, sdk, f"Deploy the gauge with access key {key} please.", key) for sdk in cast.sdks]
    sent, opened = len(cast.upstream.arrived(mark)), cast.upstream.connections() - links
    need(not sent, f"{sent} requests with the credential went upstream")
    need(not opened, f"{opened} connections were opened upstream")
    return f"{', '.join(raised)}; nothing upstream"


def _one_refusal(cast: Cast, sdk: Sdk, prompt: str, key: str) -> str:
    try:
        sdk.chat(cast.key, prompt)
    except sdk.refused() as error:
        need(status_of(error) == 400, f"{sdk.name}: refused with status {status_of(error)}, not 400")
        need(_RULE in str(error), f"{sdk.name}: the refusal does not name the rule")
        need(key not in str(error), f"{sdk.name}: the refusal quotes the credential")
        return f"{sdk.name}: {type(error).__name__}"
    raise Differs(f"{sdk.name}: the credential was not refused")


PERSONAL = Scene(
    "Personal data",
    "A prompt names an e-mail address; two SDKs stream, one does not.",
    "the provider sees a stand-in, the client its address",
    personal,
    tuple(
        Row(host, "pseudonymise", "personal-data-stays", read=_READ, findings=("pii/EMAIL_ADDRESS",)) for host in HOSTS
    ),
)
CREDENTIAL = Scene(
    "A credential",
    "A prompt holds an AWS access key.",
    "each SDK raises its own exception; nothing goes upstream",
    credential,
    tuple(Row(host, "block", _RULE, findings=("secret/aws-access-key-id",)) for host in HOSTS),
)
