"""The ledger's schema, one version after another."""
