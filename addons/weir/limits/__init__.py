"""Budgets and rates: how much whoever calls may still use, held before a request goes and settled after."""
