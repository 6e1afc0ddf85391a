"""A secret that is renewed in the background is bound, hidden and refused like any other."""

from __future__ import annotations

import pickle

import pytest

from weir.keys.backends import SecretUnavailable
from weir.keys.held import Fetched, Held
from weir.keys.live import LiveSecret

VALUE = "synthetic-" + "provider-key"


def test_the_value_is_the_one_in_force() -> None:
    answers = iter(["first", VALUE])
    held = Held("keys.openai", lambda: Fetched(next(answers)))
    secret = LiveSecret(held, name="openai", hosts=("api.openai.com",))
    assert not secret.available()
    with pytest.raises(SecretUnavailable, match="has not been fetched yet"):
        secret.reveal()
    held.refresh()
    assert secret.available() and secret.reveal() == "first"
    held.refresh()
    assert secret.reveal() == VALUE
    assert secret.may_go_to("api.openai.com") and not secret.may_go_to("api.example")


def test_it_cannot_be_shown_or_stored() -> None:
    held = Held("keys.openai", lambda: Fetched(VALUE))
    held.refresh()
    secret = LiveSecret(held, name="openai", hosts=())
    assert VALUE not in f"{secret!r}{secret}{held!r}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
