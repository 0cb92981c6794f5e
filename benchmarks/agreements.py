"""A thousand agreement designs scored on one simulated programme (N2), uptake held.

2,000 draws × 21 regions × 10 years. Designs are drawn from four families (tapered and matched shares, grants with instalments, pots,
stop-loss with a split of national cost) with parameters of their own. The reference is one bare settlement in NumPy of the same
columns: a rate times the covered cost, and the sums a score is read from. Prints CPU seconds and peak memory.
"""

import resource
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from pmbudget.appraisal.negotiation import score_agreement
from pmbudget.evidence.crude import crude_posterior
from pmbudget.evidence.draws import draw_parameters
from pmbudget.inputs import load_scenario
from pmbudget.inputs.clauses import Grant, Match, NationalSplit, Needs, PerformancePot, StopLoss, Taper
from pmbudget.inputs.parameters import Text
from pmbudget.questions.agreements import programme_at
from pmbudget.road import evaluate_draws

DRAWS, DESIGNS = 2_000, 1_000
LABEL = Text(sv="klausul", en="clause")


def design(number, rng):
    """One design: clauses of the family ``number`` falls in, with random parameters."""
    share, amount = rng.random(2)
    split = NationalSplit(clause="national_split", name="split", label=LABEL, by="population")
    if number % 4 == 0:
        taper = Taper(
            clause="taper", name="taper", label=LABEL, covers="transition", share=share, years=int(rng.integers(2, 9))
        )
        return [taper, split]
    if number % 4 == 1:
        return [
            Match(clause="match", name="match", label=LABEL, covers="all", share=share, additional=True, to="region"),
            split,
        ]
    if number % 4 == 2:
        delivered = Needs(coverage=float(share))
        return [
            Grant(clause="grant", name="plan", label=LABEL, amount=20 * amount),
            Grant(clause="grant", name="delivery", label=LABEL, amount=20 * amount, needs=delivered),
            PerformancePot(clause="performance_pot", name="pot", label=LABEL, amount=10 * amount),
            split,
        ]
    layers = ({"above": amount, "share": share / 2}, {"above": 2 * amount, "share": share})
    return [StopLoss(clause="stop_loss", name="peaks", label=LABEL, covers="transition", layers=layers), split]


def bare(programme):
    """One settlement as arrays: a rate of the covered cost by region and year, and the sums that a score is read from."""
    cost = programme.books.cost("transition")
    relief = 0.5 * cost
    kept, state = programme.added - relief, relief.sum(axis=1)
    by_region = kept[:, programme.places, programme.shown].sum(axis=-1)
    return by_region.mean(axis=0), (by_region <= 0).all(axis=1).mean(), np.quantile(state.sum(axis=1), [0.025, 0.975])


def main():
    """Evaluate once, score all designs, print the table."""
    scenario = load_scenario("agreement_even")
    table = draw_parameters(scenario.parameters, crude_posterior(scenario.parameters), n=DRAWS)
    results = evaluate_draws(scenario, table)
    begin = time.process_time()
    programme = programme_at(scenario, results)
    rng = np.random.default_rng(1)
    designs = {f"design {number}": design(number, rng) for number in range(DESIGNS)}
    scores = score_agreement(programme, designs)
    ours = time.process_time() - begin
    begin = time.process_time()
    for _ in range(DESIGNS):
        bare(programme)
    reference = time.process_time() - begin
    shown = Table("work", "CPU s", "ratio", title=f"{len(scores):,} designs on {DRAWS:,} draws")
    shown.add_row("pmbudget", f"{ours:.2f}", f"{ours / reference:.2f}")
    shown.add_row("bare NumPy, one clause and fewer figures", f"{reference:.2f}", "1.00")
    Console().print(shown)
    Console().print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
