"""The same chain under stock mitmproxy: `mitmdump -s addons/main.py --set weir_policy=policies/enforce.yaml`.

A script's hooks are fail-open in stock mitmproxy; here every deciding hook is guarded all the same.
"""

from weir.edge.process.dumps import forbid_dumps
from weir.stock import addons

__all__ = ["addons"]

forbid_dumps()
