"""A template file: what a sender fills in, made from a contract."""
