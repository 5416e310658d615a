"""Prediction and explanation: from kernel state to the walk of a packet; no I/O."""
