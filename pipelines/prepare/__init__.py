"""Prepare: one file from its source to staged Parquet."""
