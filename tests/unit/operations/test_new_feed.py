"""From an empty folder to a feed of one's own, by commands alone."""

from __future__ import annotations

import json
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from openpyxl import Workbook
from ruamel.yaml import YAML

from entrypoints.cli import cli
from entrypoints.config.assembly import build_runtime
from entrypoints.config.settings import read_settings
from pipelines.feed import Feed
from pipelines.operations.new_match import match_beside, match_of, overlaps
from pipelines.operations.projects import origin_of_waybill
from pipelines.operations.proposals import name_of_file
from pipelines.operations.shared_objects import shared_objects
from schemas.errors import ConfigError, ContractError, DataError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project as `waybill init` makes it, and the folder that we stand in."""
    folder = tmp_path / "ours"
    told = CliRunner().invoke(cli, ["init", str(folder)])
    assert told.exit_code == 0, told.output
    monkeypatch.chdir(folder)
    return folder


def waybill(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def test_a_project_can_be_used_as_it_is_made(project: Path) -> None:
    dry = waybill("check", "samples/orders/orders.csv", "--feed", "orders")
    assert dry.exit_code == 0, dry.output
    runtime = build_runtime(read_settings(project / "config.yaml"))
    assert (set(runtime.feeds), set(runtime.contracts)) == ({"orders"}, {"orders"})
    runtime.sources["drop"].check()
    targets = subprocess.run(["make", "help"], capture_output=True, text=True, check=True)
    assert "dry-run every sample" in targets.stdout
    ci = YAML(typ="safe", pure=True).load(project / ".github" / "workflows" / "ci.yml")
    assert ci["jobs"]["check"]["steps"][-1]["run"].startswith("make check")
    assert "file:" not in (project / "requirements.txt").read_text()
    before = (project / "config.yaml").read_text()
    again = waybill("init")
    assert isinstance(again.exception, ConfigError)
    assert again.exception.message.startswith("already there: config.yaml, ")
    assert (project / "config.yaml").read_text() == before


@pytest.mark.parametrize(
    ("direct_url", "line"),
    [
        (None, "waybill[web]==1.2.0"),
        ({"url": "https://a.example/waybill-1.2.0-py3-none-any.whl", "archive_info": {}},
         "waybill[web] @ https://a.example/waybill-1.2.0-py3-none-any.whl"),
        ({"url": "https://a.example/w", "vcs_info": {"vcs": "git", "commit_id": "1f"}},
         "waybill[web] @ git+https://a.example/w@1f"),
        ({"url": "file:///home/ana/my%20waybill", "dir_info": {"editable": True}},
         "./wheels/waybill-1.2.0-py3-none-any.whl[web]"),
    ],
)  # fmt: skip
def test_a_project_names_a_waybill_that_any_machine_can_get(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direct_url: object, line: str
) -> None:
    info = tmp_path / "waybill-1.2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: waybill\nVersion: 1.2.0\n")
    if direct_url is not None:
        (info / "direct_url.json").write_text(json.dumps(direct_url))
    monkeypatch.syspath_prepend(str(tmp_path))
    found = origin_of_waybill(["web"])
    text = found.line.splitlines()
    assert text[-1] == line
    assert all(each.startswith("# ") for each in text[:-1])
    assert "ana" not in found.line
    is_here = line.startswith("./")
    assert (found.todo is not None) is is_here
    if is_here:
        assert str(found.todo).endswith("pip wheel --no-deps -w wheels '/home/ana/my waybill'")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("ferries 2026-10.csv", "ferries"), ("b2b_orders_20261101.csv.gz", "b2b_orders"),
        ("stock20261101.csv", "stock"), ("Überfahrten (3).csv", "uberfahrten"),
        ("sales_v2.csv", "sales_v2"), ("2026-10.csv", "t_2026_10"), ("données.csv", "donnees"),
    ],
)  # fmt: skip
def test_a_name_is_made_of_what_stays_the_same(file: str, name: str) -> None:
    assert name_of_file(Path(file)) == name


def test_a_feed_is_made_of_files_and_they_are_checked_under_it(project: Path) -> None:
    folder = project.parent
    head = "Código;Día;Precio"
    for month in (10, 11):
        rows = "".join(f"{n:04};{n + 1:02}/{month}/2026;{n},50\n" for n in range(25))
        (folder / f"Ventas 2026-{month}.csv").write_text(f"{head}\n{rows}", encoding="cp1252")
    files = sorted(map(str, folder.glob("*.csv")))
    told = waybill("new", "feed", *files, "--name", "ventas", "--json")
    assert told.exit_code == 0, told.output
    made = json.loads(told.output)
    assert [each["loaded"] for each in made["files"]] == [25, 25]
    # Of `**/Ventas *.csv` the example's feed takes what lies in its folder.
    assert made["match"] == "ventas/**/Ventas *.csv"
    assert (made["narrowed_from"], made["overlaps"]) == ("**/Ventas *.csv", [])
    runtime = build_runtime(read_settings(project / "config.yaml"))
    feed = runtime.feeds["ventas"]
    assert (feed.source, feed.contract, feed.match) == ("drop", "ventas", made["match"])
    assert not list(shared_objects(runtime))
    assert runtime.contracts["ventas"].dialect.delimiter == ";"
    again = waybill("new", "feed", *files, "--name", "ventas")
    assert isinstance(again.exception, ConfigError)
    (folder / "Ventas 2026-12.csv").write_text(f"{head}\nx\n", encoding="cp1252")
    odd = waybill("new", "feed", *files, str(folder / "Ventas 2026-12.csv"), "--name", "more")
    assert odd.exit_code == 1
    assert "Ventas 2026-12.csv: " in odd.output
    merged = waybill("new", "feed", files[0], "--name", "keys", "--write", "merge")
    assert isinstance(merged.exception, ConfigError)
    assert not (project / "feeds" / "keys.py").exists()


def test_sheet_and_member_are_chosen(project: Path) -> None:
    book = Workbook()
    for name, column in (("Sales", "id"), ("Stock", "sku")):
        sheet = book.create_sheet(name)
        for row in ((column, "n"), ("a", 1), ("b", 2)):
            sheet.append(row)
    book.save(project / "book.xlsx")
    told = waybill("infer", "book.xlsx", "--sheet", "Stock", "--json")
    assert json.loads(told.output)["dialect"]["sheet"] == "Stock"
    assert [each["name"] for each in json.loads(told.output)["columns"]] == ["sku", "n"]
    wrong = waybill("infer", "book.xlsx", "--sheet", "Stocks")
    assert isinstance(wrong.exception, DataError)
    assert "its sheets are" in str(wrong.exception.hint)
    with zipfile.ZipFile(project / "feed.zip", "w") as archive:
        archive.writestr("a/stops.txt", "stop_id,name\n1,x\n2,y\n")
        archive.writestr("a/trips.txt", "trip_id,route\n7,x\n8,y\n")
    told = waybill("new", "feed", "feed.zip", "--member", "a/trips.txt", "--name", "trips")
    assert told.exit_code == 0, told.output
    made = build_runtime(read_settings(project / "config.yaml")).contracts["trips"]
    assert [each.name for each in made.columns] == ["trip_id", "route"]
    assert made.dialect.members == "a/trips.txt"
    for words in (["feed.zip", "--member", "none"], ["book.xlsx", "--member", "none"]):
        assert isinstance(waybill("infer", *words).exception, DataError)


def test_who_else_takes_such_files_is_said(project: Path) -> None:
    (project / "shop.csv").write_text("id,n\n" + "".join(f"{n},{n}\n" for n in range(20)))
    told = waybill("new", "feed", "shop.csv")
    assert "takes shop/**/shop*.csv of drop" in told.output
    assert "not **/shop*.csv: feed orders takes such files as well" in told.output
    assert "warning" not in told.output
    # One that takes everything leaves nothing to narrow; neither does a glob that is asked for.
    text = (project / "feeds" / "orders.py").read_text()
    (project / "feeds" / "orders.py").write_text(text.replace("orders/**/*.csv*", "**"))
    told = waybill("new", "feed", "shop.csv", "--name", "shops")
    assert "warning: feed orders takes such files as well, as shops/" in told.output
    told = waybill("new", "feed", "shop.csv", "--name", "asked", "--match", "s*.csv", "--json")
    assert [each["feed"] for each in json.loads(told.output)["overlaps"]] == ["orders"]
    # What cannot be read now is another's to mend, and what is made anew is not its own rival.
    (project / "feeds" / "broken.py").write_text("import nothing_of_the_kind\n")
    (project / "feeds" / "orders.py").write_text(text)
    told = waybill("new", "feed", "shop.csv", "--force", "--json")
    assert (told.exit_code, json.loads(told.output)["overlaps"]) == (0, []), told.output


def test_attachments_lie_in_no_folder() -> None:
    orders = Feed(name="orders", source="mail", match="orders/**/*.csv", contract="orders")
    assert overlaps("**/shop*.csv", [orders], has_folders=False) == ()
    shops = replace(orders, match="SHOP*")
    [found] = overlaps("**/shop*.csv", [shops], has_folders=False)
    assert found.feed == "orders"
    assert overlaps("**/shop*.csv", [replace(shops, exclude="*.csv")], has_folders=False) == ()
    made = match_beside(["shop1.csv"], "other", [shops], has_folders=False)
    assert (made.glob, made.wider) == ("**/shop*.csv", None)
    assert len(made.overlaps) == 1


@pytest.mark.parametrize(
    ("names", "match"),
    [
        (["shop.csv"], "**/shop*.csv"),
        (["orders_2026-11-03.csv.gz", "orders_2026-11-04.csv.gz"], "**/orders_*.csv.gz"),
        (["a.csv", "b.xlsx"], "**/*"),
        (["x[1].csv"], "**/x?*.csv"),
    ],
)
def test_a_glob_is_made_of_names(names: list[str], match: str) -> None:
    assert match_of(names) == match


def test_all_that_is_wrong_is_said_at_once_and_the_doctor_goes_on(project: Path) -> None:
    feeds, contracts = project / "feeds", project / "contracts"
    (feeds / "one.py").write_text("import nothing_of_the_kind\n")
    (feeds / "two.py").write_text("feed = 1\n")
    planned = waybill("plan")
    assert isinstance(planned.exception, ConfigError)
    assert "one.py: ModuleNotFoundError" in planned.exception.message
    assert "two.py: there is no `feed = Feed(…)`" in planned.exception.message
    examined = {each["part"]: each for each in json.loads(waybill("doctor", "--json").output)}
    assert not examined["files"]["ok"]
    assert "one.py" in examined["files"]["says"]
    assert examined["feeds"]["says"].startswith("orders (")
    assert examined["source drop"]["ok"]
    for path in (feeds / "one.py", feeds / "two.py"):
        path.unlink()
    text = (contracts / "orders.odcs.yaml").read_text()
    for name in ("a", "b"):
        (contracts / f"{name}.odcs.yaml").write_text(text.replace("- name: orders", "- name: x"))
    planned = waybill("plan")
    assert isinstance(planned.exception, ContractError)
    for name in ("a", "b"):
        assert f"{name}.odcs.yaml:" in planned.exception.message
    examined = {each["part"]: each for each in json.loads(waybill("doctor", "--json").output)}
    assert not examined["files"]["ok"]
    assert examined["storage"]["ok"]
