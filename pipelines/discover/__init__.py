"""Discover: what lies at the sources, which feed takes it, and what nobody takes."""
