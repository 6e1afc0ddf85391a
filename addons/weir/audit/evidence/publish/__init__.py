"""Where checkpoints go besides the log: one module a kind of place."""
