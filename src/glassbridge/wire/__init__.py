"""Bytes to values and back; knows formats, no meaning."""
