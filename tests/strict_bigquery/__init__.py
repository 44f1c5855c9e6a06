"""A strict BigQuery: an HTTP front before the emulator that refuses what the real service refuses.

The emulator forgives; Google's own analyzer (ZetaSQL) and the documented limits do not. Each
module holds one kind of rule; `front` lets requests through them, `server` starts it for tests.
"""
