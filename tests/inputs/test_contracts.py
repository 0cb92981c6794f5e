"""Contracts with manufacturers as data: the shipped file, and what is missing from one."""

import pytest

from pmbudget.errors import InputError
from pmbudget.inputs.contracts import load_contracts


def test_the_shipped_terms_name_every_contract(shipped):
    terms = load_contracts(shipped)
    assert terms.evidence == "assumption"
    assert terms.note
    assert len(terms.contracts) == 7


def test_a_contract_without_a_name_is_told(folder):
    path = folder / "contracts" / "manufacturer.yaml"
    lines = [line for line in path.read_text("utf-8").splitlines() if "money_back" not in line]
    path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(InputError, match="money_back has no name"):
        load_contracts(folder)
