"""When and what: one feed a file."""
