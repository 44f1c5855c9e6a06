"""Drift: how a file's columns and their values differ from the contract and from earlier files."""
