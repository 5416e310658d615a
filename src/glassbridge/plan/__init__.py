"""Decisions: values in, operations out; no I/O."""
