"""Outgoing mail: replies and alerts by SMTP, and what mail servers refuse."""
