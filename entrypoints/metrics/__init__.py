"""Metrics: the measures in Prometheus' text, on a port of their own."""
