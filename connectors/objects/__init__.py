"""Object storage: landed and staged files in a local folder, S3 or GCS."""
