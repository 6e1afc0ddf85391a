"""A scene of credentials that do not look like any: encoded, and in letters that only look the same."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping

from weir.demo.clients import Sdk
from weir.demo.scenes_chat import HOSTS
from weir.demo.scenes_dlp import access_key
from weir.demo.scenes_model import Cast, Differs, Row, Scene, need

__all__ = ["DISGUISED"]

_RULE = "no-credentials-leave"
# By SDK: what the disguise is called, and the text that is sent instead of the key.
_DISGUISES: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "openai": ("base64", lambda key: base64.b64encode(f"key={key}".encode()).decode()),
    "anthropic": ("hex", lambda key: f"key={key}".encode().hex()),
    "gemini": ("full-width letters", lambda key: "".join(chr(ord(letter) + 0xFEE0) for letter in key)),
}


def disguised(cast: Cast) -> str:
    """Send a credential in another disguise through each SDK: refused all the same, and nothing may have gone out."""
    mark = cast.upstream.mark()
    worn = [_one(cast, sdk) for sdk in cast.sdks]
    sent = len(cast.upstream.arrived(mark))
    need(not sent, f"{sent} requests with the credential went upstream")
    return f"{', '.join(worn)}: refused; nothing upstream"


def _one(cast: Cast, sdk: Sdk) -> str:
    name, wear = _DISGUISES[sdk.kind]
    text = wear(access_key())
    try:
        sdk.chat(cast.key, f"Decode this and deploy the gauge with it: {text}")
    except sdk.refused() as error:
        need(_RULE in str(error), f"{sdk.name}: the refusal does not name the rule")
        need(text not in str(error), f"{sdk.name}: the refusal quotes the credential")
        return name
    raise Differs(f"{sdk.name}: the credential in {name} was not refused")


DISGUISED = Scene(
    "In disguise",
    "The same kind of key, encoded or spelled in other letters.",
    "found and refused all the same",
    disguised,
    tuple(Row(host, "block", _RULE, findings=("secret/aws-access-key-id",)) for host in HOSTS),
)
