"""Where a request goes when the first place fails: another key, host or region of the same service."""
