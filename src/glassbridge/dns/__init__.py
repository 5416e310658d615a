"""Names: who asks, what he may know, and what is asked of others. Pure."""
