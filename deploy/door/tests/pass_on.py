"""Call the function as EventBridge does, against the servers of the environment: `pass_on.py KEY`.

The test of the whole way (tests/door) runs it in the door's own environment.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import app as door
from chalice.test import Client

NOWHERE = str(Path(__file__).parent)
"""Without a configuration there, the client leaves the environment alone."""


def main(key: str) -> None:
    """Tell of one object."""
    with Client(door.app, project_dir=NOWHERE) as client:
        event = client.events.generate_cw_event(
            source="aws.s3",
            detail_type="Object Created",
            detail={"bucket": {"name": os.environ["BUCKET"]}, "object": {"key": key, "size": 3}},
            resources=[],
            region="us-east-1",
        )
        passed = client.lambda_.invoke("pass_on", event).payload["passed"]
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main(sys.argv[1])
