"""What container engines left in files and on command lines: names without asking anyone."""
