"""Same quantity, same figure: the tables of a run held against each other and against what was evaluated."""

import html
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pmbudget.appraisal.worth import added_worth
from pmbudget.inputs import load_scenario
from pmbudget.programme.reach import share_reached
from pmbudget.questions.effect import added
from pmbudget.questions.limits import Limited
from pmbudget.reporting import summary, value
from pmbudget.reporting.ch04_implementation import access, implementation
from pmbudget.reporting.ch04_implementation.supply import limits_table
from pmbudget.reporting.ch05_budget import budget, programme, risk
from pmbudget.reporting.ch08_comparison import comparison
from pmbudget.reporting.store import RunSummary
from pmbudget.reporting.verdict import leading_threshold
from pmbudget.reporting.words import Words
from pmbudget.road import evaluate_draws

SHARES = {"cost": 0.5, "cost_patient": 0.4, "variance_today": 0.6, "variance_unplanned": 0.7, "variance_inmb": 0.3}
RUNS = [
    ("nsclc_panel", "agreement_even"),
    ("nsclc_panel", "agreement_even_limited"),
    ("nsclc_panel", "unplanned"),
    ("rare_disease_wgs", "agreement_even_limited"),
    ("fh_cascade", "agreement_even"),
]
WORDS = Words("sv")


def tables(page):
    """The tables of a piece of HTML, each a list of rows of cells as they are read."""
    found = []
    for table in re.findall(r"<table>.*?</table>", str(page), flags=re.S):
        rows = re.findall(r"<tr[^>]*>(.*?)</tr>", table, flags=re.S)
        cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, flags=re.S) for row in rows]
        found.append([[html.unescape(re.sub(r"<[^>]+>", "", cell)) for cell in row] for row in cells])
    return found


def read(cell):
    """The first number of a cell."""
    number = re.match(r"[−\d\u00a0\u202f ]+(,\d+)?", cell)[0]
    return float(re.sub(r"[\u00a0\u202f ]", "", number).replace("−", "-").replace(",", "."))


@pytest.fixture(scope="module", params=RUNS, ids=lambda run: "-".join(run))
def run(request, crude_draws):
    case, name = request.param
    scenario = load_scenario(name, case=case)
    results = evaluate_draws(scenario, crude_draws(scenario, 60))
    worths = added_worth(scenario, results.worth)
    figures = summary.key_figures(scenario, results, worths, SHARES)
    draws = summary.paired_draws(scenario, results, worths)
    strategies = (getattr(scenario.case, which) for which in ("new", "in_use", "comparator"))
    labels = [scenario.case.strategies[one].label for one in strategies]
    about = (name, scenario.definition.label, scenario.case.label, case, 2024, scenario.agreement is not None)
    kept = RunSummary(*about, *labels, figures, draws)
    return SimpleNamespace(scenario=scenario, results=results, worths=worths, figures=figures, kept=kept)


def row_of(table, first):
    return next(row for row in table if row[0].startswith(first))


def test_d_05s_region_share_and_04s_are_one(run):
    [shown] = tables(programme.uptake_table(run.scenario, run.results, WORDS))
    reached = 100 * run.results.reach.reached.sel(mix="new").mean("draw").transpose("region", "year").to_numpy()
    np.testing.assert_allclose([[read(cell) for cell in row[1:]] for row in shown[1:]], reached, atol=0.51)
    [regions] = tables(budget.region_table(run.scenario, run.results, WORDS))
    assert [row[2] for row in regions[1:]] == [row[-1] for row in shown[1:]]


def test_d_a_programmes_net_benefit_is_one_figure_in_04_05_08_and_in_the_summary(run):
    wtp = leading_threshold(run.scenario)
    [worth] = tables(value.value_table(run.scenario, run.results, run.worths, WORDS))
    in_05 = row_of(worth, f"Nettonytta vid {WORDS.number(wtp)}")[1]
    [equity] = tables(access.equity_table(run.scenario, run.results, WORDS, wtp=wtp, aversion=1.0))
    assert equity[-1][8] == in_05
    compared = tables(comparison.value_comparison([run.kept], WORDS))[0]
    assert compared[1][1] == in_05
    stored = run.figures.query("measure == 'programme_inmb' and reference == 'today'")
    stored = stored[stored["period"] == list(run.scenario.periods)[-1]].set_index("threshold")
    name = run.figures.query("measure == 'leading_threshold'")["reference"].iloc[-1]
    assert WORDS.span_msek(stored.loc[name]) == in_05
    assert in_05 in " ".join(value.value_sentences(run.scenario, run.worths, WORDS))


def test_d_equitys_columns_add_up_to_the_programme(run):
    [equity] = tables(access.equity_table(run.scenario, run.results, WORDS, wtp=1e6, aversion=1.0))
    for row in equity[1:]:
        assert read(row[6]) + read(row[7]) == pytest.approx(read(row[8]), abs=0.11)


def test_d_what_introduction_costs_is_one_figure_on_every_page(run):
    net = run.results.settlement.net_budget("today").sel(year=run.scenario.years[:5]).sum(["region", "year", "payer"])
    said = WORDS.msek(float(net.mean()))
    first = tables(budget.budget_tables(run.scenario, run.results, WORDS))[0]
    assert first[-1][1].startswith(said)
    [components] = tables(budget.component_table(run.scenario, run.results, WORDS))
    assert components[-1][2].startswith(said)
    [offsets] = tables(programme.offset_table(run.scenario, run.results, WORDS))
    assert offsets[-1][3].startswith(said)
    compared = tables(comparison.comparison_tables([run.kept], WORDS))[0]
    assert compared[1][1].startswith(said)
    if run.scenario.agreement:
        [transfers] = tables(budget.transfers_table(run.scenario, run.results, WORDS))
        assert transfers[-1][-1] == said
    [yearly] = tables(budget.yearly_table(run.scenario, run.results, WORDS, reference="today"))
    assert sum(read(row[1]) for row in yearly[1:6]) == pytest.approx(read(said), abs=0.3)


def test_d_shown_columns_add_up(run):
    [yearly] = tables(budget.yearly_table(run.scenario, run.results, WORDS, reference="today"))
    state, together, others, everyone = (
        yearly[0].index(WORDS(f"payers.{p}")) for p in ("state", "regions_together", "others", "all")
    )
    for row in yearly[1:]:
        assert read(row[state]) + read(row[together]) + read(row[others]) == pytest.approx(
            read(row[everyone]), abs=0.21
        )
    [offsets] = tables(programme.offset_table(run.scenario, run.results, WORDS))
    for row in offsets[1:]:
        assert read(row[1]) + read(row[2]) == pytest.approx(read(row[3]), abs=0.11)


def test_d_those_without_the_test_and_what_they_lose_are_the_same_in_04_and_05(run):
    in_04 = tables(access.misuse_table(run.scenario, run.results, WORDS))[0][-1]
    in_05 = tables(programme.misuse_table(run.scenario, run.results, WORDS))[0][1]
    assert read(in_04[-2]) == read(in_05[3])
    assert in_04[-1] == in_05[4]


def test_d_the_eligible_are_the_same_in_04_and_05(run):
    in_04 = tables(access.misuse_table(run.scenario, run.results, WORDS))[0][-1]
    [mixes] = tables(programme.mix_table(run.scenario, run.results, WORDS))
    assert sum(read(row[1]) for row in mixes[1:]) == pytest.approx(read(in_04[1]), abs=5.1)


def test_d_current_prices_are_constant_ones_times_the_index(run):
    [nominal] = tables(risk.nominal_table(run.scenario, run.results, WORDS))
    assert nominal[0][1].startswith("Staten")
    inflation = run.scenario.parameters["inflation"].distribution.mean
    for row in nominal[1:]:
        index = (1 + inflation) ** (int(row[0]) - 2024)
        assert read(row[3]) == pytest.approx(read(row[4]) * index, abs=0.12)


def test_d_04s_limits_table_repeats_05(run):
    if run.scenario.case.capacity is None:
        pytest.skip("the case states no limits")
    [shown] = tables(limits_table(run.scenario, run.results, Limited(run.scenario, run.results), WORDS))
    [worth] = tables(value.value_table(run.scenario, run.results, run.worths, WORDS))
    assert shown[1][5] == row_of(worth, "Merkostnad")[1]
    assert shown[1][4] == row_of(worth, "Vunna QALY")[1]


def test_c_the_summary_has_what_a_comparison_needs(run):
    measures = {"tests", "lost", "waiting", "programme_cost", "programme_qaly", "programme_inmb", "p_programme_better"}
    assert measures | {"cost_per_extra_test", "net_budget", "freed", "coverage"} <= set(run.figures["measure"])
    better = run.figures.query("measure == 'p_programme_better'")
    assert better["mean"].between(0, 1).all()
    assert set(better["threshold"]) == {"wtp_moderate", "wtp_very_high"}
    assert set(run.figures.query("measure == 'tests'")["period"]) == set(run.scenario.periods)


def test_e_no_text_is_left_unfilled(run):
    for language in ("sv", "en"):
        words = Words(language)
        pieces = [
            budget.budget_headline(run.scenario, run.results, *(added(run.results),) * 2, run.worths, SHARES, words),
            value.value_table(run.scenario, run.results, run.worths, words),
            implementation.implementation_headline(run.scenario, run.results, None, words),
            programme.population_note(run.scenario, words),
            programme.prices_moves(run.scenario, words),
            risk.neutral_note(run.scenario, run.results, words),
            comparison.comparison_headline([run.kept], words),
            comparison.worth_comparison([run.kept, run.kept], words),
            comparison.assumption_comparison([run.kept], words),
        ]
        for piece in pieces:
            assert "{" not in piece
            assert not re.search(r"\bnan\b", piece)


def draws_of(kept, values):
    frame = kept.draws.copy()
    for measure, shift in values.items():
        frame.loc[frame["measure"] == measure, "value"] += shift
    return RunSummary(**{**vars(kept), "draws": frame})


def test_e_runs_are_ranked_only_where_paired_draws_tell_them_apart(run):
    same = comparison._ranks([run.kept, run.kept], "net_budget", next(iter(run.scenario.periods)), WORDS)
    assert same == [WORDS("index_rank_net_budget_none", period=next(iter(run.scenario.periods)))]
    dearer = draws_of(run.kept, {"net_budget": 1e6})
    [told] = comparison._ranks([run.kept, dearer], "net_budget", next(iter(run.scenario.periods)), WORDS)
    assert "Lägst kostnad" in told
    short = RunSummary(**{**vars(run.kept), "draws": run.kept.draws.query("draw < 10")})
    [unpaired] = comparison._ranks([run.kept, short], "net_budget", next(iter(run.scenario.periods)), WORDS)
    assert unpaired == WORDS("index_unpaired")


@pytest.mark.parametrize(
    ("mean", "sd", "key"),
    [
        (10.0, 1.0, "value_verdict_worth"),
        (1.0, 5.0, "value_verdict_perhaps"),
        (0.0, 5.0, "value_verdict_even"),
        (-1.0, 5.0, "value_verdict_perhaps_not"),
        (-10.0, 1.0, "value_verdict_not"),
    ],
)
def test_e_a_programme_is_called_worth_it_only_as_far_as_its_draws_allow(mean, sd, key):
    draws = np.random.default_rng(1).normal(0, 1, 1000)
    inmb = pd.Series(mean + sd * (draws - draws.mean()) / draws.std())
    assert value.verdict_of(inmb, float((inmb > 0).mean())) == key


@pytest.mark.parametrize(
    ("amount", "said"), [(5e6, "kostar införandet 5,0 (4,0 till 6,0)"), (-5e6, "sparar införandet 5,0 (4,0 till 6,0)")]
)
def test_e_a_cost_and_a_saving_are_told_with_their_own_words(amount, said):
    row = {"mean": amount, "lower": amount - 1e6, "upper": amount + 1e6}
    assert said in budget.signed("headline_budget", row, WORDS, period="2027–2031")


def test_the_share_reached_of_a_period_is_that_of_its_last_year(run):
    share = share_reached(run.results.reach, run.scenario.case.broad, ("region",)).sel(mix="new").mean("draw")
    kept = run.figures.query("measure == 'coverage' and reference == 'new'").set_index("period")["mean"]
    for period, years in run.scenario.periods.items():
        assert kept[period] == pytest.approx(float(share.sel(year=years[-1])))
