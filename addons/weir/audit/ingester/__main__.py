"""``python -m weir.audit.ingester``."""

import sys

from weir.audit.ingester.process import main

if __name__ == "__main__":
    sys.exit(main())
