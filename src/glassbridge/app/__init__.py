"""Programs: the command line, the daemon, the lab and the demo."""
