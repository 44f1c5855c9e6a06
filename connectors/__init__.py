"""Where things are: everything outside, behind the protocols of connectors.protocols."""
