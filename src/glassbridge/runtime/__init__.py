"""The embedded container runtime on top of bubblewrap."""
