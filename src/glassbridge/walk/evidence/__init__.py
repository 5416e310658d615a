"""What witnesses saw, laid beside what was predicted."""
