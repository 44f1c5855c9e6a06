"""The worker: the Celery app, its queues and schedule, and its signs of life."""
