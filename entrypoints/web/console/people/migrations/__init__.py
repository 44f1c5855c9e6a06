"""The history of the console's own tables."""
