"""Load: prepared files into their table, one transaction a batch, and which version is active."""
