"""S3: files that people drop into a bucket."""
