"""Checks of a snapshot that need no packet: one module for each area, each only looks."""
