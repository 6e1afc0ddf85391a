"""``weir serve-setup``: what a client needs, on a page of its own."""
