"""Assistants: what the API answers, as tools of the Model Context Protocol."""
