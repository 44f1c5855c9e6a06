"""Configuration: settings, feeds and contracts read, checked and made into a runtime."""
