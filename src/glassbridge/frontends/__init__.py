"""Translate a protocol, call the engine, translate back."""
