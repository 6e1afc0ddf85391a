"""Virtual keys: what clients hold instead of a provider's key, and the store that knows only their keyed hashes."""

from weir.keys.virtual.form import PREFIX, looks_virtual, new_key
from weir.keys.virtual.index import STALE_S, VirtualKeys
from weir.keys.virtual.record import STRENGTH, Grant, KeyBudget, Uses, VirtualKey, VirtualKeysError

__all__ = [
    "PREFIX", "STALE_S", "STRENGTH", "Grant", "KeyBudget", "Uses", "VirtualKey", "VirtualKeys", "VirtualKeysError",
    "looks_virtual", "new_key",
]  # fmt: skip
