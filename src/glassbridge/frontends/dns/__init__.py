"""Names for containers, over UDP and TCP."""
