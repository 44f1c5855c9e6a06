"""Contracts as ODCS v3.1 YAML: read, checked and edited."""
