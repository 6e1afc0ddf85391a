"""Audit rows in the formats that others read: pure functions from a row's columns to text or JSON objects."""
