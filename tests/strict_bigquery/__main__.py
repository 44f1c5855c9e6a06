"""`python -m strict_bigquery PORT [OWNER]`: serve fronts on a control port while OWNER lives."""

import sys

from strict_bigquery.server import serve

serve(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
