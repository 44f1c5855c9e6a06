"""The mailbox: report attachments that partners mail."""
