"""Configuration: typed, overridable, secrets never in the file and never shown."""

import json
from pathlib import Path

import pytest

from entrypoints.config.settings import masked, read_settings
from schemas.errors import ConfigError

GOOD = """
ledger: {type: sql, url: "sqlite:///ledger.db"}
storage: {type: objects, url: data}
warehouse: {type: bigquery, project: my-project}
sources:
  drop:
    type: s3
    bucket: ${BUCKET:-drop}
    access_key: key
    secret_key: ${SECRET_KEY}
  partners:
    type: mailbox
    host: mail.example.com
    user: reports@example.com
    password_file: PASSWORD
limits:
  batch_files: 7
  archive_passwords_file: PASSWORD
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SECRET_KEY", "planted-in-the-environment")
    (tmp_path / "password").write_text("planted-in-a-file\n")
    return tmp_path


def write(folder: Path, text: str = GOOD) -> Path:
    path = folder / "config.yaml"
    path.write_text(text.replace("PASSWORD", str(folder / "password")))
    return path


def test_variables_secret_files_and_overrides(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAYBILL_LIMITS__BATCH_FILES", "50")
    settings = read_settings(write(folder))
    assert settings.sources["drop"].config.bucket == "drop"
    password = settings.sources["partners"].config.password
    assert password.get_secret_value() == "planted-in-a-file"
    assert settings.limits.batch_files == 50
    assert settings.limits.passwords == ("planted-in-a-file",)
    assert settings.folders.contracts == folder / "schemas"
    shown = json.dumps(masked(settings))
    assert "planted" not in shown
    assert "mail.example.com" in shown


def test_a_variable_for_a_part_with_many_keys_is_refused_in_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAYBILL_LOG", "json")
    with pytest.raises(ConfigError, match="WAYBILL_LOG in the environment") as refused:
        read_settings(write(folder))
    assert "WAYBILL_LIMITS__BATCH_FILES=50" in str(refused.value.hint)
    monkeypatch.setenv("WAYBILL_LOG", '"json"')
    assert read_settings(write(folder)).log.format == "json"


def test_relative_paths_start_where_the_file_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    more = "mail: {type: file, path: out}\n" + GOOD.replace("PASSWORD", "password")
    settings = read_settings(write(folder, more.replace("url: data", "url: data/storage")))
    assert settings.storage.config.folder == folder / "data/storage"
    assert settings.ledger.config.database.database == str(folder / "ledger.db")
    assert settings.mail is not None
    assert settings.mail.config.path == folder / "out"
    assert settings.folders.work == folder / "data/work"
    bare = more.replace(', url: "sqlite:///ledger.db"', "")
    assert read_settings(write(folder, bare)).ledger.config.database.database == str(
        folder / "data/ledger.db"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    bucket: ${BUCKET:-drop}\n", "", r"config\.yaml:6: sources\.drop.*bucket.*required"),
        ("bucket:", "buckett:", "buckett"),
        ("batch_files: 7", "batch_files: many", r"config\.yaml:17: limits\.batch_files.*integer"),
        ("${SECRET_KEY}", "${NOT_SET_ANYWHERE}", "NOT_SET_ANYWHERE is not set"),
        ("${SECRET_KEY}", "plain-secret", r"config\.yaml:10: sources\.drop\.secret_key: a secret"),
        ("sqlite:///ledger.db", "postgresql://u:plain@h/d", "a secret must not stand"),
        ("type: s3", "type: s4", 'no source of type "s4"'),
        ("PASSWORD", "/nowhere/at/all", "password_file: /nowhere/at/all"),
        ("limits:", "limitz:", "limitz"),
        ("    user: rep", "    ca_file: ca.pem\n    user: rep", "ca_file.*no file .*ca.pem"),
    ],
)
def test_a_mistake_names_file_key_and_what_was_expected(
    folder: Path, old: str, new: str, message: str
) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError, match=f"(?s){message}") as caught:
        read_settings(write(folder, GOOD.replace(old, new)))
    assert "planted" not in caught.value.message
    assert "plain-secret" not in caught.value.message


def test_a_webhook_is_a_secret_and_mail_to_is_short(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT", "https://chat.example.com/planted")
    alerts = """
alerts:
  mail_to: ops@example.com
  to: {chat: {type: webhook, webhook_url: "${CHAT}"}, pager: {type: command, argv: [page]}}
"""
    settings = read_settings(write(folder, GOOD + alerts))
    assert {name: part.type for name, part in settings.alerts.to.items()} == {
        "mail": "mail", "chat": "webhook", "pager": "command",
    }  # fmt: skip
    shown = json.dumps(masked(settings)["alerts"])
    assert "planted" not in shown
    assert "ops@example.com" in shown
    with pytest.raises(ConfigError, match=r"alerts\.to\.chat\.webhook_url: a secret must not"):
        read_settings(write(folder, GOOD + alerts.replace("${CHAT}", "https://chat.example.com/x")))
    monkeypatch.setenv("CHAT", "http://chat.example.com/planted")
    with pytest.raises(
        ConfigError, match=r"alerts\.to\.chat\.webhook_url: .*not an https"
    ) as error:
        read_settings(write(folder, GOOD + alerts))
    assert "planted" not in error.value.message


def test_what_signs_links_and_posts_is_a_secret_and_long(folder: Path) -> None:
    (folder / "long").write_text("n" * 40 + "\n")
    web = 'web: {url: "https://w.example.com", link_keys: {b: {secret_file: long}, a: KEY}}\n'
    good = GOOD + web.replace("KEY", "{secret_file: long}") + "webhooks: {secret_file: long}\n"
    settings = read_settings(write(folder, good))
    assert [*settings.web.link_keys] == ["b", "a"], "the first one signs"
    assert "nnnn" not in json.dumps(masked(settings)) + repr(settings)
    for wrong, said in (
        (web.replace("KEY", "{secret: plain}"), r"web\.link_keys\.a\.secret: a secret must not"),
        (web.replace("KEY", "{secret_file: PASSWORD}"), "shorter than 32"),
        (web.replace("KEY", "{secret_file: long}").replace("a:", "a.b:"), "name a key by letters"),
        ("web: {link_keys: {a: {secret_file: long}}}\n", "set url too"),
        ('web: {url: "http://w.example.com"}\n', "write https://"),
        ('web: {url: "https://u:p@w.example.com"}\n', "secret must not|without a question"),
        ("webhooks: {secret: plain}\n", r"webhooks\.secret: a secret must not"),
        ("webhooks: {secret_file: PASSWORD}\n", "shorter than 32"),
        ("webhooks: {secret_file: long, allow_private: [10.0.0.1/8]}\n", "allow_private"),
    ):
        with pytest.raises(ConfigError, match=said) as caught:
            read_settings(write(folder, GOOD + wrong))
        assert "planted" not in caught.value.message
