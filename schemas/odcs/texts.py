"""Texts of contracts: files of a folder, or what the ledger keeps, with what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from schemas.contract import Contract, View
from schemas.contract_revision import sha256_of
from schemas.errors import ContractError, in_one
from schemas.odcs.reader import SUFFIX, read_contract
from schemas.plain_yaml import read_small


@dataclass(frozen=True, slots=True)
class ContractText:
    """The text of a contract or a view, and what it means."""

    text: str
    means: Contract | View

    @property
    def sha256(self) -> str:
        """The hash by which texts of contracts are told apart."""
        return sha256_of(self.text)


def read_texts(folder: Path) -> dict[str, ContractText]:
    """Every `*.odcs.yaml` of a folder by its name; raises one ContractError that names what is
    wrong in all of them, also for a folder without any."""
    found, wrong = read_each(folder)
    if wrong:
        raise in_one([*wrong.values()])
    if not any(isinstance(each.means, Contract) for each in found.values()):
        raise no_contract(folder)
    return found


def no_contract(folder: Path) -> ContractError:
    """What is wrong with a folder without any contract."""
    return ContractError(f"{folder} holds no contract", hint=f"add a file named *{SUFFIX}")


def read_each(folder: Path) -> tuple[dict[str, ContractText], dict[str, ContractError]]:
    """Every `*.odcs.yaml` of a folder that can be read, and what is wrong with the others, by their
    names."""
    found, wrong = dict[str, ContractText](), dict[str, ContractError]()
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        name = path.name.removesuffix(SUFFIX)
        try:
            found[name] = read_file(path)
        except ContractError as error:
            wrong[name] = error
    return found, wrong


def read_contracts(folder: Path) -> tuple[dict[str, Contract], tuple[View, ...]]:
    """The same as contracts by their names, and views; raises what `read_texts` raises."""
    meant = [each.means for each in read_texts(folder).values()]
    contracts = {each.name: each for each in meant if isinstance(each, Contract)}
    return contracts, tuple(each for each in meant if isinstance(each, View))


def read_file(path: Path) -> ContractText:
    """One ODCS file; raises ContractError."""
    return _read(path, read_small(path, ContractError))


def read_text(name: str, text: str) -> ContractText:
    """The text of the contract of that name; raises ContractError."""
    return _read(Path(f"{name}{SUFFIX}"), text.encode("utf-8"))


def _read(path: Path, data: bytes) -> ContractText:
    means = read_contract(path, data)
    return ContractText(data.decode("utf-8"), means)
