"""What mends a cause, in the language of whoever owns the rule or object."""
