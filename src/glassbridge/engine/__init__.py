"""The use cases: desired state in, group commit out."""
