"""The HTTP API: requests in, functions of `pipelines/operations/` called, JSON out."""
