"""The web process: one ASGI application, which holds the API."""
