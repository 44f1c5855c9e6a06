"""Acts: what is changed is written down with it, also what ends badly; a changed one is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from bare_service import BareService, bare_service
from entrypoints.cli import cli
from pipelines.operations.acts import acting, acting_outside, list_acts, verify_acts
from pipelines.operations.feeds import resume, stop
from pipelines.operations.keys import create_key, key_of, revoke_key
from schemas.errors import ConflictError, NotFoundError
from schemas.key import Role, sha256_of


@pytest.fixture
def service(tmp_path: Path) -> BareService:
    return bare_service(tmp_path)


def test_a_stop_is_an_act_and_a_second_one_is_none(service: BareService) -> None:
    runtime = service.runtime
    assert stop(runtime, "sales", "audit")
    assert not stop(runtime, "sales", "again")
    assert resume(runtime, "sales")
    found = list_acts(runtime, subject="sales")
    assert [(each.action, each.after) for each in found] == [
        ("resume", {"stopped": False}),
        ("stop", {"stopped": True, "reason": "audit"}),
    ]
    assert verify_acts(runtime).broken_at is None


def test_what_ends_badly_outside_is_told_and_nothing_inside_is(service: BareService) -> None:
    runtime = service.runtime

    def busy() -> None:
        raise ConflictError("it is busy")

    def told_first() -> None:
        with acting_outside(runtime, "unload", "file", "f") as told:
            told.after["rows"] = 3
            busy()

    with pytest.raises(ConflictError):
        told_first()
    with pytest.raises(ConflictError), acting(runtime, "retry", "file", "f"):
        busy()
    end, begun = list_acts(runtime)
    assert (begun.phase, end.phase, end.about) == ("begun", "failed", begun.number)
    assert end.after == {"rows": 3, "error": "it is busy"}


def test_a_changed_act_is_found(service: BareService) -> None:
    runtime = service.runtime
    for reason in ("one", "two"):
        stop(runtime, "sales", reason)
        resume(runtime, "sales")
    with service.ledger.database.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER acts_never_UPDATE"))
        connection.execute(text("UPDATE acts SET who = 'nobody' WHERE number = 2"))
    assert verify_acts(runtime).broken_at == 2
    result = CliRunner().invoke(cli, ["--config", str(service.config), "acts", "--verify"])
    assert (result.exit_code, "act 2 does not fit" in result.output) == (1, True)


def test_a_key_lets_in_until_it_is_revoked(service: BareService) -> None:
    runtime = service.runtime
    made = create_key(runtime, "erp", Role.OPERATOR, ["sales*"])
    found = key_of(runtime, made.token)
    assert found is not None
    assert (found.name, found.role) == ("erp", Role.OPERATOR)
    wrong = made.token[:-1] + ("A" if made.token[-1] != "A" else "B")
    for odd in (wrong, "", "wb_", "wb_000000000000_" + "x" * 43, made.token + "x", "wb_\u00fc"):
        assert key_of(runtime, odd) is None
    assert runtime.ledger.keys.all()[0].failures == 1
    assert revoke_key(runtime, found.key_id)
    assert key_of(runtime, made.token) is None
    with pytest.raises(NotFoundError):
        revoke_key(runtime, "ffffffffffff")
    facts = [each.after for each in list_acts(runtime)]
    assert made.token.split("_", 2)[2] not in json.dumps(facts)


def test_keys_are_made_listed_and_exported_by_the_command(service: BareService) -> None:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(cli, ["--config", str(service.config), *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    token = run("keys", "create", "=erp()", "--role", "steward", "--feed", "*").split()[0]
    [key] = json.loads(run("keys", "list", "--json"))
    assert token.startswith(f"wb_{key['key_id']}_")
    assert "'=erp()" in run("keys", "export")
    assert token.split("_", 2)[2] not in run("keys", "export") + run("keys", "list")
    door = json.loads(run("keys", "export", "--for", "door"))["keys"]
    assert door[key["key_id"]] == {
        "sha256": sha256_of(token.split("_", 2)[2]),
        "expires_at": None,
        "feeds": {"sales": "sales/"},
    }
    run("keys", "revoke", key["key_id"])
    assert json.loads(run("keys", "export", "--for", "door"))["keys"] == {}
    [revoked, made] = json.loads(run("acts", "--json"))
    assert (made["action"], revoked["action"]) == ("create_key", "revoke_key")
    assert made["actor"]["via"] == "cli"
