"""Validate: the contract's rules, checked on chunks of rows and on whole files."""
