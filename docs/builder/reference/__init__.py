"""The reference, written from the code: a module a page."""
