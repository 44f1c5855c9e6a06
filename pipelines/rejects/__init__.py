"""Rejects: the whole life of a rejected row, from the violation to its correction."""
