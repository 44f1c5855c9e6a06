"""`python -m entrypoints.cli` is `waybill`."""

from entrypoints.cli import main

main()
