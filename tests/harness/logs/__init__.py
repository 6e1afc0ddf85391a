"""Logs as products write them, made from a seed, and what is true of each."""
