"""Several proxy processes behind one address, and the parent that keeps them: ``weir run --workers N``."""
