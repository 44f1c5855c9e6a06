"""Who may do what: every endpoint of the document has a row here, or this fails."""

from __future__ import annotations

from pathlib import Path

from schemas.key import Role
from web_server import Asking
from web_world import web_world

V1 = "/api/v1"
NEEDS: dict[tuple[str, str], Role] = {
    ("GET", "/files"): Role.VIEWER,
    ("GET", "/files/{file_id}"): Role.VIEWER,
    ("GET", "/files/{file_id}/rejected-rows"): Role.VIEWER,
    ("GET", "/files/{file_id}/receipt"): Role.VIEWER,
    ("GET", "/files/{file_id}/rejected.csv"): Role.VIEWER,
    ("GET", "/files/{file_id}/raw"): Role.OPERATOR,
    ("POST", "/files/retry"): Role.OPERATOR,
    ("POST", "/files/{file_id}/retry"): Role.OPERATOR,
    ("POST", "/files/{file_id}/release"): Role.STEWARD,
    ("POST", "/files/{file_id}/unload"): Role.STEWARD,
    ("POST", "/files/{file_id}/replay"): Role.STEWARD,
    ("GET", "/files/{file_id}/draft"): Role.OPERATOR,
    ("PATCH", "/files/{file_id}/draft"): Role.OPERATOR,
    ("DELETE", "/files/{file_id}/draft"): Role.OPERATOR,
    ("POST", "/files/{file_id}/draft/equal"): Role.OPERATOR,
    ("POST", "/files/{file_id}/draft/check"): Role.OPERATOR,
    ("POST", "/files/{file_id}/draft/submit"): Role.OPERATOR,
    ("PUT", "/feeds/{feed}/uploads/{name}"): Role.OPERATOR,
    ("POST", "/feeds/{feed}/checks"): Role.OPERATOR,
    ("POST", "/checks"): Role.OPERATOR,
    ("POST", "/checks/{operation_id}/send"): Role.OPERATOR,
    ("POST", "/files/{file_id}/link"): Role.STEWARD,
    ("POST", "/files/{file_id}/link/revoke"): Role.OPERATOR,
    ("POST", "/feeds/{feed}/uploads"): Role.OPERATOR,
    ("GET", "/uploads/{upload_id}/parts"): Role.OPERATOR,
    ("POST", "/uploads/{upload_id}/complete"): Role.OPERATOR,
    ("DELETE", "/uploads/{upload_id}"): Role.OPERATOR,
    ("GET", "/feeds"): Role.VIEWER,
    ("GET", "/feeds/{feed}"): Role.VIEWER,
    ("GET", "/feeds/{feed}/daily-counts"): Role.VIEWER,
    ("GET", "/feeds/{feed}/contract"): Role.VIEWER,
    ("GET", "/feeds/{feed}/contract.odcs.yaml"): Role.VIEWER,
    ("GET", "/feeds/{feed}/template.csv"): Role.VIEWER,
    ("GET", "/feeds/{feed}/template.xlsx"): Role.VIEWER,
    ("GET", "/feeds/{feed}/template.txt"): Role.VIEWER,
    ("GET", "/feeds/{feed}/contract/revisions"): Role.VIEWER,
    ("GET", "/feeds/{feed}/contract/revisions/{revision}"): Role.VIEWER,
    ("POST", "/feeds/{feed}/stop"): Role.STEWARD,
    ("POST", "/feeds/{feed}/resume"): Role.STEWARD,
    ("POST", "/feeds/{feed}/replay"): Role.STEWARD,
    ("POST", "/feeds/{feed}/backfill"): Role.STEWARD,
    ("GET", "/alerts"): Role.VIEWER,
    ("GET", "/alerts/{alert_id}"): Role.VIEWER,
    ("PUT", "/alerts/{alert_id}/acknowledgement"): Role.OPERATOR,
    ("DELETE", "/alerts/{alert_id}/acknowledgement"): Role.OPERATOR,
    ("PUT", "/alerts/{alert_id}/dismissal"): Role.OPERATOR,
    ("DELETE", "/alerts/{alert_id}/dismissal"): Role.OPERATOR,
    ("GET", "/drifts"): Role.VIEWER,
    ("GET", "/drifts/{drift_id}"): Role.VIEWER,
    ("POST", "/drifts/{drift_id}/accept"): Role.STEWARD,
    ("POST", "/drifts/{drift_id}/dismiss"): Role.STEWARD,
    ("GET", "/held"): Role.VIEWER,
    ("GET", "/unmatched"): Role.VIEWER,
    ("GET", "/trusted-senders"): Role.VIEWER,
    ("POST", "/feeds/{feed}/trusted-senders"): Role.STEWARD,
    ("DELETE", "/feeds/{feed}/trusted-senders"): Role.STEWARD,
    ("GET", "/webhooks"): Role.ADMIN,
    ("PUT", "/webhooks"): Role.ADMIN,
    ("DELETE", "/webhooks/{webhook_id}"): Role.ADMIN,
    ("POST", "/webhooks/{webhook_id}/rotate"): Role.ADMIN,
    ("POST", "/webhooks/{webhook_id}/test"): Role.ADMIN,
    ("GET", "/me"): Role.VIEWER,
    ("GET", "/workers"): Role.VIEWER,
    ("GET", "/quota"): Role.VIEWER,
    ("GET", "/operations"): Role.VIEWER,
    ("GET", "/operations/{operation_id}"): Role.VIEWER,
    ("GET", "/acts"): Role.ADMIN,
}
IDS = {
    "{file_id}": "0" * 16, "{feed}": "other", "{alert_id}": "0" * 12, "{drift_id}": "0" * 8,
    "{operation_id}": "0" * 16, "{webhook_id}": "0" * 12, "{revision}": "1",
    "{upload_id}": "0" * 16, "{name}": "a.csv",
}  # fmt: skip
METHODS = {"get", "post", "put", "delete", "patch"}


def test_every_endpoint_asks_for_its_role(tmp_path: Path, redis_url: str) -> None:
    with web_world(tmp_path, redis_url) as world:
        paths = world.asking("admin").get(f"{V1}/openapi.json").json["paths"]
        known = {
            (method.upper(), path.removeprefix(V1))
            for path, each in paths.items()
            for method in METHODS & each.keys()
        }
        assert known == NEEDS.keys(), "an endpoint without a row, or a row without one"
        for (method, path), needed in NEEDS.items():
            for name, value in IDS.items():
                path = path.replace(name, value)
            assert Asking(world.url)(method, V1 + path).status == 401, path
            for role in Role:
                # A body that is missing is found only after the role: 422 says that it was enough.
                status = world.asking(role, "sales")(method, V1 + path).status
                may = role.may(needed)
                assert (status != 403) is may, (method, path, role, status)
                assert status < 500
