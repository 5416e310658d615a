"""Frozen values and nothing else: the project's vocabulary."""
