"""Container networking you can see through."""
