import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from pmbudget.errors import InputError
from pmbudget.evidence import draw_parameters
from pmbudget.inputs import load_parameters, load_regions, load_scenario

SCENARIOS = ("unplanned", "agreement_slow", "agreement_even", "agreement_fast")

EXTRA = """\
cost_extra:
  label: {sv: "Extra kostnad", en: "Extra cost"}
  unit: SEK/test
  price_year: 2024
  distribution: {family: gamma, mean: 100, interval: [80, 120]}
  evidence: assumption
  source: {title: "Invented for a test"}
p_extra:
  label: {sv: "Extra sannolikhet", en: "Extra probability"}
  unit: probability
  distribution: {family: beta, mean: 0.2, interval: [0.1, 0.3]}
  evidence: published
  source: {title: "Also invented"}
share_extra:
  label: {sv: "Extra andel", en: "Extra share"}
  unit: share
  distribution:
    studies: extra.csv
    quantity: extra
    borrow: 0.5
  evidence: derived
  source: {title: "Invented too"}
"""
STUDIES = """\
quantity,study,numerator,denominator,use,evidence,source
extra,First,3,10,pool,published,Invented
extra,Second,7,12,borrow,published,Invented
"""


@pytest.fixture(scope="module")
def extra(shipped, tmp_path_factory):
    folder = Path(shutil.copytree(shipped, tmp_path_factory.mktemp("broken") / "parameters"))
    (folder / "extra.yaml").write_text(EXTRA, "utf-8")
    (folder / "extra.csv").write_text(STUDIES, "utf-8")
    return folder


@pytest.fixture
def with_extra(extra):
    """The copy, made whole again after the test: a file that did not change is not read twice."""
    whole = {path: path.read_bytes() for path in extra.rglob("*") if path.is_file()}
    yield extra
    for path, content in whole.items():
        if path.read_bytes() != content:
            path.write_bytes(content)


@pytest.mark.parametrize("name", SCENARIOS)
def test_shipped_scenarios_load(shipped, name):
    assert load_scenario(name, shipped).name == name


def test_every_shipped_scenario_is_loaded_here(shipped):
    assert {path.stem for path in (shipped / "scenarios").glob("*.yaml")} >= set(SCENARIOS)


def test_every_shipped_case_loads(shipped):
    cases = [path.parent.name for path in (shipped / "cases").glob("*/case.yaml")]
    assert cases
    assert all(load_scenario("unplanned", shipped, case=case).case for case in cases)


def test_every_assumption_has_an_interval(scenario):
    sure = [
        name
        for name, one in scenario.parameters.items()
        if one.is_assumed and one.distribution and one.distribution.sd == 0
    ]
    assert sure == []


def test_every_source_has_a_title(scenario):
    assert all(one.record.source.title.strip() for one in scenario.parameters.values())


def test_there_are_21_regions_with_text_codes(shipped):
    regions = load_regions(shipped)
    assert len(regions) == 21
    assert (regions.index[0], regions.index[-1]) == ("01", "25")


def test_an_unknown_parameter_is_answered_with_the_nearest(scenario):
    with pytest.raises(KeyError, match="cost_panel"):
        scenario.parameters["cost_panell"]


# Prices


PRICE_INDEX = "year,index,evidence,source\n2015,300,published,Invented\n2024,390,published,Invented\n"
SURE_RATE = "2015,EUR,9,,,published,Invented"
UNSURE_RATE = "2015,EUR,9,8,10,assumption,Invented"
TREND = "{trend: growth}"
GROWTH = (
    'growth:\n  label: {sv: "x", en: "x"}\n  unit: per year\n'
    "  distribution: {family: normal, mean: -0.03, interval: [-0.08, 0.02]}\n"
    '  evidence: assumption\n  source: {title: "Invented"}\n'
)


def money(name, unit, value, year=2015, index="cpi"):
    stated = f"  index: {index}\n" if index else ""
    return (
        f'{name}:\n  label: {{sv: "x", en: "x"}}\n  unit: {unit}\n  price_year: {year}\n{stated}'
        f'  distribution: {{value: {value}}}\n  evidence: published\n  source: {{title: "Invented"}}\n'
    )


def priced(folder, records, rate=SURE_RATE, index=PRICE_INDEX):
    (folder / "prices").mkdir(exist_ok=True)
    (folder / "prices" / "kpi.csv").write_text(index, "utf-8")
    rates = f"year,currency,sek_per_unit,low,high,evidence,source\n{rate}\n"
    (folder / "prices" / "exchange_rates.csv").write_text(rates, "utf-8")
    (folder / "costs.yaml").write_text("".join(records), "utf-8")
    return load_parameters(folder, price_year=2024)


def test_euro_of_2015_become_kronor_of_2024_by_rate_and_index(tmp_path):
    draws = draw_parameters(priced(tmp_path, [money("cost", "EUR/test", 100)]), n=3)
    assert draws["cost"].to_numpy() == pytest.approx(100 * 9 * 390 / 300)
    assert draws["cost"].attrs["unit"] == "SEK/test"


def test_kronor_of_2015_move_by_the_index_alone(tmp_path):
    draws = draw_parameters(priced(tmp_path, [money("cost", "SEK/test", 100)]), n=3)
    assert float(draws["cost"]) == pytest.approx(130)


def test_a_nominal_price_stands_as_it_is_and_needs_no_index_of_its_year(tmp_path):
    records = [money("cost", "SEK/test", 100, 1998, "none"), money("drug", "EUR/month", 100, 2015, "none")]
    draws = draw_parameters(priced(tmp_path, records), n=3)
    assert (float(draws["cost"]), float(draws["drug"])) == pytest.approx((100, 900))


def test_wages_move_by_their_own_table(tmp_path):
    (tmp_path / "prices").mkdir()
    (tmp_path / "prices" / "wages.csv").write_text(PRICE_INDEX.replace("390", "420"), "utf-8")
    draws = draw_parameters(priced(tmp_path, [money("wage", "SEK/month", 100, 2015, "wages")]), n=3)
    assert float(draws["wage"]) == pytest.approx(140)


@pytest.mark.parametrize("index", ["cpi", "wages", "none", "{trend: growth}", ""])
def test_no_index_moves_a_price_of_the_model_s_own_year(tmp_path, index):
    records = [GROWTH, money("cost", "SEK/test", 100, 2024, index)]
    assert float(draw_parameters(priced(tmp_path, records), n=3)["cost"]) == 100


def test_a_trend_is_consumer_prices_and_a_drawn_change_a_year(tmp_path):
    by_region = money("local", "SEK/test", 100, 2015, TREND).replace("{value: 100}", f"{MONEY}\n  by: region")
    records = [
        GROWTH,
        money("cost", "EUR/test", 100, 2015, TREND),
        money("other", "SEK/test", 7, 2015, TREND),
        money("plain", "SEK/test", 100),
        by_region,
    ]
    parameters = priced(tmp_path, records)
    draws = draw_parameters(parameters, n=500)
    moved = (1 + draws["growth"]) ** 9
    assert np.allclose(draws["cost"], 100 * 9 * 390 / 300 * moved)
    assert np.allclose(draws["other"], 7 * 390 / 300 * moved)
    assert float(draws["plain"]) == pytest.approx(130)
    assert draws["local"].dims == ("draw", "region")
    nominal = replace(parameters["local"], trend=None)
    alone = replace(parameters, parameters={**parameters.parameters, "local": nominal})
    assert np.allclose(draws["local"], draw_parameters(alone, n=500)["local"] * moved)
    assert parameters["cost"].drawn_with == ("rate_eur_2015", "growth")
    with pytest.raises(ValueError, match="cost is uncertain"):
        parameters.fixed("cost")


def test_a_trend_moves_what_follows_it_and_nothing_else(tmp_path):
    records = [GROWTH, money("cost", "SEK/test", 100, 2015, TREND), money("other", "SEK/test", 7).replace("7", MONEY)]
    records[2] = records[2].replace(f"{{value: {MONEY}}}", MONEY)
    parameters = priced(tmp_path, records)
    without = {name: one for name, one in parameters.items() if name != "cost"}
    draws, fewer = (draw_parameters(one, n=100) for one in (parameters, replace(parameters, parameters=without)))
    assert np.array_equal(draws["growth"], fewer["growth"])
    assert np.array_equal(draws["other"], fewer["other"])


def test_a_trend_moves_a_price_back_to_an_earlier_price_year(tmp_path):
    priced(tmp_path, [GROWTH, money("cost", "SEK/test", 100, 2024, TREND)])
    draws = draw_parameters(load_parameters(tmp_path, price_year=2015), n=50)
    assert np.allclose(draws["cost"], 100 * 300 / 390 * (1 + draws["growth"]) ** -9)


def test_a_price_of_another_year_without_an_index_is_one_fault(tmp_path):
    with pytest.raises(InputError) as told:
        priced(tmp_path, [money("cost", "EUR/test", 100, index="")])
    assert len(told.value.faults) == 1
    assert re.search(r"costs.yaml:1: cost.index: nothing says what moves this price from 2015 to 2024", str(told.value))
    assert re.search(r"Remedy: state cpi, wages, none .* or \{trend: ", str(told.value))


@pytest.mark.parametrize("index", ["kpi", "2024", "[cpi]", "{tend: growth}", "{trend: growth, of: cpi}"])
def test_an_index_that_is_none_is_one_fault(tmp_path, index):
    with pytest.raises(
        InputError, match=r"costs.yaml:\d+: cost.index.*: is no index. Remedy: write cpi, wages, none"
    ) as told:
        priced(tmp_path, [money("cost", "SEK/test", 100, index=index)])
    assert len(told.value.faults) == 1


@pytest.mark.parametrize(
    ("trend", "said"),
    [("growht", "names no parameter. Remedy: did you mean growth"), ("cost", "is no change of price")],
)
def test_a_trend_is_a_parameter_per_year(tmp_path, trend, said):
    with pytest.raises(InputError, match=f"cost.index.trend = '?{trend}'?: {said}"):
        priced(tmp_path, [GROWTH, money("cost", "SEK/test", 100, index=f"{{trend: {trend}}}")])


def test_an_index_goes_with_money(tmp_path):
    text = GROWTH.replace("unit: per year", "unit: per year\n  index: cpi")
    with pytest.raises(InputError, match="index goes with money"):
        priced(tmp_path, [text])


def test_every_shipped_price_states_its_index(shipped):
    cases = [path.parent.name for path in (shipped / "cases").glob("*/case.yaml")]
    silent = {
        name
        for case in cases
        for name, one in load_parameters(shipped, case).items()
        if one.record.price_year is not None and one.record.index is None
    }
    assert silent == set()


@pytest.mark.parametrize(("unit", "factor"), [("kSEK/test", 1e3), ("MSEK", 1e6), ("GSEK/year", 1e9)])
def test_multiples_of_the_unit_are_multiplied_out(tmp_path, unit, factor):
    draws = draw_parameters(priced(tmp_path, [money("cost", unit, 2, 2024)]), n=3)
    assert float(draws["cost"]) == pytest.approx(2 * factor)
    assert draws["cost"].attrs["unit"].startswith("SEK")


def test_an_uncertain_rate_moves_all_amounts_of_its_currency_together(tmp_path):
    records = [money("first", "EUR/test", 100), money("second", "EUR/test", 250), money("third", "SEK/test", 7)]
    draws = draw_parameters(priced(tmp_path, records, UNSURE_RATE), n=4000)
    assert draws["first"].std() / draws["first"].mean() == pytest.approx(2 / 3.92 / 9, rel=0.05)
    assert draws["first"].mean() == pytest.approx(1170, rel=0.01)
    assert np.allclose(draws["second"], 2.5 * draws["first"])
    assert "draw" not in draws["third"].dims


def test_a_missing_rate_is_a_fault(tmp_path):
    with pytest.raises(InputError, match=r"costs.yaml:4: cost.price_year = 2015: no exchange rate for USD in 2015"):
        priced(tmp_path, [money("cost", "USD/test", 100)])


@pytest.mark.parametrize(
    ("index", "said"),
    [("cpi", "price index for 2011. Remedy: add 2011 to prices/kpi.csv"), ("wages", "wage index for 2011")],
)
def test_a_missing_index_year_is_a_fault(tmp_path, index, said):
    with pytest.raises(InputError, match=f"cost.price_year = 2011: no {said}"):
        priced(tmp_path, [money("cost", "SEK/test", 100, 2011, index)])


def test_a_price_year_without_an_index_is_a_fault(tmp_path):
    with pytest.raises(InputError, match="no price index for 2024"):
        priced(tmp_path, [money("cost", "SEK/test", 100)], index=PRICE_INDEX.replace("2024", "2023"))


def test_an_assumed_rate_needs_an_interval(tmp_path):
    with pytest.raises(InputError, match=r"exchange_rates.csv:2: .*add low and high"):
        priced(tmp_path, [money("cost", "EUR/test", 100)], "2015,EUR,9,,,assumption,Invented")


# Broken copies


@dataclass(frozen=True)
class Break:
    """One thing to break, what the one fault must say, and the text on whose line it must stand ("" where it has none)."""

    name: str
    file: str
    old: str
    new: str
    said: tuple[str, ...]
    at: str
    faults: int = 1

    def on(self, folder):
        path = folder / self.file
        whole = path.read_bytes()
        old = (
            next(line for line in whole.splitlines() if line.startswith(b"25,"))
            if self.old == "row 25"
            else self.old.encode()
        )
        assert whole.count(old) == 1, f"{self.old!r} stands {whole.count(old)} times in {self.file}"
        path.write_bytes(whole.replace(old, self.new.encode("latin-1" if self.name == "no UTF-8" else "utf-8")))

    def line(self, folder):
        lines = (folder / self.file).read_bytes().decode("utf-8", errors="replace").splitlines()
        return next(number for number, line in enumerate(lines, 1) if self.at in line)


MONEY = "{family: gamma, mean: 100, interval: [80, 120]}"
SHARE = "{family: beta, mean: 0.2, interval: [0.1, 0.3]}"
EVEN, PLAIN = "scenarios/agreement_even.yaml", "scenarios/unplanned.yaml"
AGREEMENT, CASE = "agreements/state_share_tapered.yaml", "cases/nsclc_panel/case.yaml"
BREAKS = [
    Break(
        "unknown key",
        "extra.yaml",
        'title: "Invented for a test"}',
        'title: "Invented for a test"}\n  nots: "x"',
        ("cost_extra.nots", "unknown key", "note"),
        "nots",
    ),
    Break(
        "duplicate key",
        "extra.yaml",
        "  price_year: 2024",
        "  price_year: 2024\n  price_year: 2023",
        ("price_year", "twice", "keep one"),
        "price_year: 2023",
    ),
    Break(
        "the same parameter twice",
        "extra.yaml",
        "p_extra:",
        "cost_extra:  # again",
        ("cost_extra", "twice", "keep one"),
        "# again",
    ),
    Break(
        "missing unit", "extra.yaml", "  unit: SEK/test\n", "", ("cost_extra.unit", "missing", "add unit"), "cost_extra"
    ),
    Break(
        "missing source",
        "extra.yaml",
        '  source: {title: "Invented for a test"}\n',
        "",
        ("cost_extra.source", "missing", "add source"),
        "cost_extra",
    ),
    Break(
        "source without title",
        "extra.yaml",
        '{title: "Invented for a test"}',
        '{address: "x"}',
        ("cost_extra.source.title", "missing", "add title"),
        'address: "x"',
    ),
    Break(
        "money without price_year",
        "extra.yaml",
        "  price_year: 2024\n",
        "",
        ("cost_extra", "money without price_year", "add it"),
        "cost_extra",
    ),
    Break(
        "price_year without money",
        "extra.yaml",
        "  unit: probability\n",
        "  unit: probability\n  price_year: 2024\n",
        ("p_extra", "price_year goes with money", "remove it"),
        "p_extra",
    ),
    Break(
        "interval that does not hold the mean",
        "extra.yaml",
        "[80, 120]",
        "[110, 120]",
        ("cost_extra.distribution", "does not hold the mean 100", "correct one"),
        "[110, 120]",
    ),
    Break(
        "probability outside 0-1",
        "extra.yaml",
        SHARE,
        "{family: normal, mean: 0.2, interval: [-0.1, 0.5]}",
        ("p_extra", "between 0 and 1", "family beta"),
        "p_extra",
    ),
    Break(
        "probability above 1",
        "extra.yaml",
        SHARE,
        "{value: 1.2}",
        ("p_extra", "between 0 and 1", "correct"),
        "p_extra",
    ),
    Break(
        "unknown family",
        "extra.yaml",
        "family: gamma",
        "family: gama",
        ("cost_extra.distribution", "unknown family 'gama'", "gamma"),
        "gama,",
    ),
    Break(
        "impossible parameters",
        "extra.yaml",
        SHARE,
        "{family: beta, mean: 0.2, sd: 0.5}",
        ("p_extra.distribution", "no beta has mean 0.2", "correct the figures"),
        "sd: 0.5",
    ),
    Break(
        "NaN",
        "extra.yaml",
        "mean: 100",
        "mean: .nan",
        ("cost_extra.distribution.mean", "finite", "write the figure"),
        ".nan",
    ),
    Break(
        "text for a number",
        "extra.yaml",
        "mean: 100",
        "mean: about 100",
        ("cost_extra.distribution.mean", "about 100", "number", "correct the value"),
        "about 100",
    ),
    Break(
        "tab indentation",
        "extra.yaml",
        "  unit: SEK/test",
        "\tunit: SEK/test",
        ("no YAML", "spaces, not tabs"),
        "\tunit",
    ),
    Break("no UTF-8", "extra.yaml", "Extra kostnad", "Extra \xe5tg\xe4rd", ("not UTF-8", "save it as UTF-8"), ""),
    Break(
        "assumption without interval",
        "extra.yaml",
        MONEY,
        "{value: 100}",
        ("cost_extra", "no interval", "mean and interval"),
        "cost_extra",
    ),
    Break(
        "unknown grade",
        "extra.yaml",
        "evidence: assumption",
        "evidence: guess",
        ("cost_extra.evidence", "guess", "assumption"),
        "guess",
    ),
    Break(
        "quantity without studies",
        "extra.yaml",
        "quantity: extra",
        "quantity: extro",
        ("share_extra.distribution.quantity", "extro", "did you mean extra"),
        "extro",
    ),
    Break(
        "study table that is not there",
        "extra.yaml",
        "studies: extra.csv",
        "studies: extro.csv",
        ("extro.csv", "not found", "extra"),
        "",
    ),
    Break(
        "numerator above denominator",
        "extra.csv",
        "First,3,10",
        "First,30,10",
        ("numerator is larger", "correct the row"),
        "First",
    ),
    Break(
        "unknown use of a study",
        "extra.csv",
        "12,borrow",
        "12,lend",
        ("use = 'lend'", "borrow"),
        "Second",
    ),
    Break(
        "override of no parameter",
        EVEN,
        "base: unplanned",
        "base: unplanned\noverrides:\n  cost_panell: 3",
        ("overrides.cost_panell", "no such parameter", "cost_panel"),
        "cost_panell",
    ),
    Break(
        "missing base", EVEN, "base: unplanned", "base: unplaned", ("base", "no such scenario", "unplanned"), "unplaned"
    ),
    Break(
        "circular base",
        PLAIN,
        "price_year:",
        "base: agreement_even\nprice_year:",
        ("base", "circular", "agreement_even -> unplanned -> agreement_even", "without base"),
        "base:",
    ),
    Break(
        "base of itself",
        PLAIN,
        "price_year:",
        "base: unplanned\nprice_year:",
        ("base", "circular", "unplanned -> unplanned", "without base"),
        "base:",
    ),
    Break(
        "unknown agreement",
        EVEN,
        "agreement: state_share_tapered",
        "agreement: state_share_taperd",
        ("agreement", "no such agreement", "state_share_tapered"),
        "state_share_taperd",
    ),
    Break("unknown case", PLAIN, "case: nsclc_panel", "case: nsclc_panl", ("case", "no such case", "nsclc_panel"), ""),
    Break("scenario key", EVEN, "  ramp: 5", "  ramp: 5\n  rampp: 6", ("pace.rampp", "unknown key", "ramp"), "rampp"),
    Break(
        "pace outside the years", EVEN, "  ramp: 5", "  ramp: 5\n  start: 2050", ("pace starts 2050", "move start"), ""
    ),
    Break(
        "pace without agreement",
        EVEN,
        "agreement: state_share_tapered\n",
        "",
        ("go together", "give both"),
        "",
    ),
    Break(
        "region start without quotes",
        EVEN,
        "  ramp: 5",
        "  ramp: 5\n  region_starts: {01: 2027}",
        ("pace.region_starts", "is a number", "in quotes"),
        "region_starts",
    ),
    Break(
        "region start outside the years",
        EVEN,
        "  ramp: 5",
        '  ramp: 5\n  region_starts: {"01": 2019}',
        ("2019", "outside the years"),
        "",
    ),
    Break(
        "unknown clause key",
        AGREEMENT,
        "    share: 0.5",
        "    share: 0.5\n    shares: 0.5",
        ("shares", "unknown key", "share"),
        "shares",
    ),
    Break("unknown clause", AGREEMENT, "clause: taper", "clause: tapir", ("clauses.0", "tapir", "taper"), ""),
    Break(
        "share above 1",
        AGREEMENT,
        "    share: 0.5",
        "    share: 1.5",
        ("share = 1.5", "less than or equal to 1"),
        "1.5",
    ),
    Break(
        "clause of two names",
        AGREEMENT,
        "name: national_split",
        "name: state_share",
        ("clause names", "rename"),
        "",
    ),
    Break(
        "case that names no parameter",
        CASE,
        "real_world: hr_real_world",
        "real_world: hr_real_wrold",
        ("real_world", "names no parameter", "hr_real_world"),
        "hr_real_wrold",
    ),
    Break(
        "case that names no resource",
        CASE,
        "  - {resource: training,",
        "  - {resource: traning,",
        ("traning", "training"),
        "",
    ),
    Break("region missing", "regions.csv", "row 25", "", ("code", "no row for 25", "add one row"), ""),
    Break("region code that is none", "regions.csv", "\n25,", "\n26,", ("26", "no region code", "25"), "26,", faults=2),
]
BY_NAME = {one.name: one for one in BREAKS}


def test_the_copy_loads_before_it_is_broken(with_extra):
    assert {"cost_extra", "p_extra", "share_extra"} < set(load_scenario("agreement_even", with_extra).parameters)


@pytest.mark.parametrize("one", BREAKS, ids=lambda one: one.name)
def test_one_break_is_one_fault_with_file_key_line_and_remedy(with_extra, one):
    one.on(with_extra)
    with pytest.raises(InputError) as caught:
        load_scenario("agreement_even", with_extra)
    assert len(caught.value.faults) == one.faults, str(caught.value)
    told = str(caught.value.faults[0])
    assert [word for word in one.said if word not in told] == [], told
    assert one.file.split("/")[-1] in told or one.name in ("unknown case", "study table that is not there")
    if one.at:
        assert f"{one.file}:{one.line(with_extra)}: " in told


def test_a_region_that_stands_twice_is_a_fault(with_extra):
    path = with_extra / "regions.csv"
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([*lines, lines[1], ""]), "utf-8")
    with pytest.raises(InputError, match="01"):
        load_regions(with_extra)


def test_seven_faults_are_told_at_once(with_extra):
    seven = [
        BY_NAME[name]
        for name in (
            "unknown family",
            "probability above 1",
            "numerator above denominator",
            "override of no parameter",
            "unknown clause key",
            "case that names no parameter",
            "region code that is none",
        )
    ]
    for one in seven:
        one.on(with_extra)
    with pytest.raises(InputError) as caught:
        load_scenario("agreement_even", with_extra)
    told = str(caught.value).splitlines()
    for one in seven:
        assert any(all(word in line for word in one.said) for line in told), one.name


def test_a_fault_in_the_scenario_does_not_hide_those_in_the_parameters(with_extra):
    BY_NAME["scenario key"].on(with_extra)
    BY_NAME["unknown family"].on(with_extra)
    with pytest.raises(InputError) as caught:
        load_scenario("agreement_even", with_extra)
    assert "rampp" in str(caught.value)
    assert "gama" in str(caught.value)


def test_a_folder_that_is_not_there_is_told():
    with pytest.raises(InputError, match="no_such_folder.*not found"):
        load_parameters("no_such_folder")


def test_a_file_cannot_pass_an_assumption_off_as_a_scenario_s_choice(folder):
    path = folder / "wages.yaml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("  evidence:", "  set_by_scenario: true\n  evidence:", 1), "utf-8")
    with pytest.raises(InputError, match="set_by_scenario = True: unknown key"):
        load_parameters(folder)
