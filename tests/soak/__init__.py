"""The soak: hours' worth of kinds of traffic through one real weir, and a reckoning of every request at the end."""
