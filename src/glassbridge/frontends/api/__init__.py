"""HTTP and JSON on the daemon's unix socket."""
