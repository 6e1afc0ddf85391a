"""Where exported rows go: one module a way. Each sends, and each says when the receiver has really taken it."""
