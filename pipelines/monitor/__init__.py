"""Monitor: what is wrong now, which tables are late, and telling the people on duty once."""
