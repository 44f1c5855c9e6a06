"""The demo: every service's local twin, the samples, and the report of what became of them."""
