"""Small books to settle on: a national place and two regions with three and one inhabitants, two draws, five years."""

import numpy as np
import pandas as pd

from pmbudget.financing.books import Books, Terms
from pmbudget.inputs.parameters import Text

LABEL = Text(sv="Prov", en="Trial")
REGIONS = pd.DataFrame({"population": [300, 100], "population_65plus": [60, 40], "births": [3, 3]}, index=["01", "03"])
YEARS = np.arange(2025, 2030)
SHAPE = (2, 3, 5)


def column(national, first, second):
    """(draw, region, year): the same in every draw and year."""
    return np.ones(SHAPE) * np.array([national, first, second], float)[None, :, None]


def made(kind, **fields):
    """A clause named as its kind."""
    name = fields.pop("name", kind.model_fields["clause"].annotation.__args__[0])
    return kind(clause=kind.model_fields["clause"].annotation.__args__[0], name=name, label=LABEL, **fields)


def small_books():
    """The agreement starts in 2026. Tests cost 40 and 20, benefit drugs 100 and 50, change 200 and 200, the platform 1,000."""
    accounts = {
        ("diagnostic_unit", "tests"): column(0, 40, 20),
        ("region", "benefit"): column(0, 100, 50),
        ("diagnostic_unit", "transition"): column(1000, 200, 200),
    }
    today = {account: cost * 0.5 for account, cost in accounts.items()}
    coverage = np.zeros(SHAPE)
    coverage[:, 1], coverage[:, 2] = [0.2, 0.4, 0.6, 0.8, 0.8], [0.2, 0.2, 0.3, 0.5, 0.9]
    eligible = column(0, 30, 10)
    measures = {
        "coverage": coverage,
        "coverage_today": column(0, 0.2, 0.2),
        "eligible": eligible,
        "tested": eligible * coverage,
        "acted_on": eligible * coverage * 0.3,
        "known": np.array([0.5, 0.5, 0.6, 0.8, 0.9])[None, None, :] * np.ones((2, 1, 1)),
        "expected_benefit": np.full((2, 1, 1), -10.0),
        "health_value": np.full((2, 1, 5), 30.0),
        "rebate_ratio": np.full((2, 1, 1), 0.25),
        "years_per_krona": np.full((2, 1, 1), 0.001),
    }
    measures |= {
        "response": np.array([0.6, 0.8])[:, None, None],
        "responding": np.array([[1.0, 0.6, 0.4, 0.3, 0.2], [1.0, 0.8, 0.5, 0.5, 0.4]])[:, None, :],
        "learnt_mean": np.array([[10.0] * 5, [-30.0, -20.0, -5.0, 5.0, 20.0]])[:, None, :],
        "learnt_sd": np.full((2, 1, 5), 40.0),
        "row_sd": np.full((2, 1, 1), 100.0),
        "usable": np.ones((2, 1, 5)),
        "discount_rate": np.full((2, 1, 1), 0.0),
    }
    return Books(accounts, today, Terms(2026, YEARS, ("00", "01", "03"), REGIONS, 1.0, measures))
