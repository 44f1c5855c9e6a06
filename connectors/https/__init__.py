"""Requests by https to addresses that somebody has named."""
