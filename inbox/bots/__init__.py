"""Bots: Python functions that are called by name, with the repository of whoever calls."""
