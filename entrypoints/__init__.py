"""Who asks: the command line and the Celery app."""
