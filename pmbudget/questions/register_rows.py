"""What a complete register row may cost: the price that a clause states, what a row is worth by year, and what is paid."""

import numpy as np
import xarray as xr

from pmbudget.appraisal.settled import Programme
from pmbudget.evidence.learning import value_of_rows
from pmbudget.financing.grants import row_price, row_worth
from pmbudget.inputs.clauses import PerUnit
from pmbudget.questions.agreements import Negotiation


def row_prices(found: Negotiation) -> xr.Dataset | None:
    """What a complete register row costs and is worth in each of the agreement's years; None where no design has a ceiling at its worth.

    Returns
    -------
    Dataset
        SEK of the price year. (draw, year): ``average`` and ``last``, what rows of the year are worth each and what the last one is worth;
        ``price``, what is paid, and ``stated``, the price without a ceiling. (year,): ``rows`` expected.
    """
    rules = [
        one
        for design in found.designs.values()
        for one in design
        if isinstance(one, PerUnit) and one.at_most == "worth"
    ]
    if not rules:
        return None
    clause, books, shown = rules[0], found.programme.books, found.programme.shown
    shape = (books.shape[0], 1, books.shape[2])
    average, last = row_worth(clause, books)
    free = clause.model_copy(update={"at_most": None})

    def by_year(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values, shape)[:, 0, shown]

    now = np.isin(books.terms.forecast.years, found.years)
    rows = clause.complete * books.terms.forecast[clause.unit].sum(axis=0)[now]
    return xr.Dataset(
        {
            "average": (("draw", "year"), by_year(average)),
            "last": (("draw", "year"), by_year(last)),
            "price": (("draw", "year"), by_year(row_price(clause, books))),
            "stated": (("draw", "year"), by_year(row_price(free, books))),
            "rows": ("year", rows),
        },
        coords={"year": found.years},
    )


def normal_loss(programme: Programme) -> tuple[float, float]:
    """What perfect knowledge of the net benefit would be worth to one patient, SEK: by a normal belief, and on the draws themselves."""
    benefit = programme.terms.measure("benefit")[:, 0, 0]
    mean, sd = float(benefit.mean()), float(benefit.std())
    return float(value_of_rows(mean, sd, 1.0, 0.0)[0]), float(np.maximum(benefit, 0).mean() - max(mean, 0.0))
