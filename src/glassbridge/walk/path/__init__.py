"""A packet on its way, there and back: one module for each kind of step; `predict` drives them."""
