"""``weir discover``: AI services in logs, and what bare host names are."""
