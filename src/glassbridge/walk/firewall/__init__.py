"""Rules of anybody, evaluated: what becomes of a packet at a netfilter hook."""
