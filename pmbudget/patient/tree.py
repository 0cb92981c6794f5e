"""The test-treat pathway: from true class to management, along what is ordered, fails, is found in time and acted on."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy import special

from pmbudget.inputs.cases import Case
from pmbudget.patient.costing import Draws, product, stacked


@dataclass(frozen=True)
class Pathway:
    """What the pathway of one strategy leads to, per patient.

    ``managements`` (…, management, true_class): probability; ``performed`` by test, ``rebiopsies``, ``positives`` and ``found``
    (…, true_class): number per patient.
    """

    managements: xr.Variable
    performed: dict[str, xr.Variable]
    rebiopsies: xr.Variable
    positives: xr.Variable
    found: xr.Variable


IMPOSSIBLE = 0.01
"""Share of draws in which the classes may add up to more than all patients before the prevalences are refused."""


def class_shares(draws: Draws, case: Case) -> xr.Variable:
    """Share of each true class (true_class, …); the complement goes to the class with ``else``.

    Classes exclude each other, but their shares are learnt one by one, so that far out in the tails they can add up to more than all
    patients. In such a rare draw they are scaled to all patients and none is left over.

    Raises
    ------
    ValueError
        The shares sum to more than 1 in more than one draw in a hundred; the first is named.
    """
    stated = {name: product(draws, [one.prevalence]) for name, one in case.classes.items() if one.prevalence != "else"}
    total = sum(stated.values(), start=xr.Variable((), 0.0))
    over = np.atleast_1d(total.to_numpy()) > 1
    if over.mean() > IMPOSSIBLE:
        draw = int(np.flatnonzero(over)[0])
        raise ValueError(
            f"the shares of {', '.join(stated)} sum to more than 1 in draw {draw}; correct the prevalences"
        )
    scale = 1 / total.clip(min=1.0)
    shares = {name: share * scale for name, share in stated.items()}
    return stacked([shares.get(name, 1 - total * scale) for name in case.classes], "true_class")


def walk_pathway(draws: Draws, case: Case, strategy: str) -> Pathway:
    """The pathway of one strategy.

    Tests follow each other until one is positive. A test fails with probability f; a share rho of the failures is biopsied again and fails
    with f2, so f* = f (1 - rho) + f rho f2. An answer is in time when a log-normal turnaround is shorter than the time treatment can wait;
    a late one still leads to matched treatment in a stated share.
    """
    plan, common = case.strategies[strategy], case.pathway
    classes = list(case.classes)
    rebiopsy, second_failure = product(draws, [common.rebiopsy]), product(draws, [common.rebiopsy_failure])
    nothing = xr.Variable("true_class", np.zeros(len(classes)))
    searching, tissue = nothing + 1.0, xr.Variable((), 1.0)
    performed: dict[str, xr.Variable] = {}
    rebiopsies, found, wrong, acted_matched, acted_mismatched = (nothing for _ in range(5))
    first_line = xr.Variable("true_class", [float(not one.waits) for one in case.classes.values()])
    for step in plan.tests:
        test = case.tests[step.test]
        failure, specificity = product(draws, [test.failure]), product(draws, [test.specificity])
        made = searching * product(draws, [step.offered]) * tissue
        again = made * failure * rebiopsy
        answered = made * (1 - failure * (1 - rebiopsy) - failure * rebiopsy * second_failure)
        is_other = xr.Variable("true_class", [float(name not in test.targets) for name in classes])
        never = xr.Variable((), 0.0)
        sensitivity = [product(draws, [test.targets[name]]) if name in test.targets else never for name in classes]
        true_positive = answered * stacked(sensitivity, "true_class")
        false_positive = answered * is_other * (1 - specificity)
        late = 1 - _in_time(draws, case, plan.turnaround, step.turnaround_share)
        acted_matched = acted_matched + true_positive * (1 - late * first_line)
        acted_mismatched = acted_mismatched + false_positive * (1 - late)
        performed[step.test] = performed.get(step.test, nothing) + made + again
        rebiopsies = rebiopsies + again
        found, wrong = found + true_positive, wrong + false_positive
        searching = searching - true_positive - false_positive
        if plan.exhaustion is not None:
            tissue = tissue * (1 - product(draws, [plan.exhaustion]) * product(draws, [step.offered]))
    followed = product(draws, common.after_result)
    managements = _managements(case, acted_matched * followed, acted_mismatched * followed)
    return Pathway(managements, performed, rebiopsies, found + wrong, found)


def _in_time(draws: Draws, case: Case, turnaround: str, part: str | None) -> xr.Variable:
    """Share of a test's answers that come in time to be acted on, the late ones that still are included."""
    common, days = case.pathway, product(draws, [turnaround, part] if part else [turnaround])
    wait = np.log(product(draws, [common.window])) - np.log(days)
    in_time = xr.apply_ufunc(special.ndtr, wait / product(draws, [common.turnaround_spread]))
    return in_time + (1 - in_time) * product(draws, [common.late_but_matched])


def _managements(case: Case, matched: xr.Variable, mismatched: xr.Variable) -> xr.Variable:
    parts: dict[str, xr.Variable] = {}
    for name in case.managements:
        own = xr.Variable("true_class", [float(one.matched == name) for one in case.classes.values()])
        parts[name] = matched * own + (mismatched if name == case.mismatched else 0.0)
    parts[case.reference] = parts[case.reference] + 1 - sum(parts.values(), start=xr.Variable((), 0.0))
    return stacked(list(parts.values()), "management")
