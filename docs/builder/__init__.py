"""Makes the documentation: the site, the pages that are generated from the code, and their checks.

Nothing here is in the wheel, and nothing that runs in production imports it.
"""
