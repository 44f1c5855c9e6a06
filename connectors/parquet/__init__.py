"""Parquet files put together and copied without reading their rows into memory."""
