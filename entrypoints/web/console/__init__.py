"""The console: pages for people, who sign in with a session. It never looks at API keys."""
