import numpy as np
import pytest

from pmbudget.inputs import load_parameters
from pmbudget.reporting.words import Words, _phrases

SV, EN = Words("sv"), Words("en")


def test_swedish_and_english_write_numbers_in_their_own_way():
    assert SV.number(-1234567.891, 1) == "−1\u00a0234\u00a0567,9"
    assert EN.number(-1234567.891, 1) == "−1,234,567.9"


def test_nothing_is_written_as_minus_zero_or_nan():
    assert SV.number(-0.04, 1) == "0,0"
    assert SV.number(np.nan) == SV.percent(np.nan) == "–"


def test_a_span_has_the_same_decimals_throughout():
    assert SV.span({"mean": 5.04, "lower": 0.5, "upper": 10.7}) == "5,0 (0,5 till 10,7)"
    assert SV.span({"mean": 0.0, "lower": 0.0, "upper": 0.0}) == "0"
    assert SV.span({"mean": np.nan, "lower": np.nan, "upper": np.nan}) == "–"


@pytest.mark.parametrize(("value", "written"), [(19.44e6, "19,4"), (1.23e6, "1,2"), (-0.2e6, "−0,2"), (-1.0, "0,0")])
def test_money_is_in_millions_with_one_decimal(value, written):
    assert SV.msek(value) == written


def test_a_share_is_per_cent_also_where_it_is_nearly_all():
    assert SV.percent(1 - 1e-12) == "100\u00a0%"
    assert SV.percent(0.997, 1) == "99,7\u00a0%"
    assert EN.percent(0.14) == "14%"


def test_a_year_is_written_as_years_are():
    assert SV.in_unit(2031.0, "year") == "2031"
    assert SV.in_unit(2031.0, "persons") == "2\u00a0031"


def test_a_share_of_draws_is_never_certain():
    assert SV.probability(1.0) == ">\u00a099\u00a0%"
    assert SV.probability(0.996) == ">\u00a099\u00a0%"
    assert SV.probability(0.994) == "99\u00a0%"
    assert SV.probability(0.0) == "<\u00a01\u00a0%"
    assert SV.probability(0.42) == "42\u00a0%"


@pytest.mark.parametrize("case", ["nsclc_panel", "rare_disease_wgs", "fh_cascade"])
def test_a19_every_unit_of_the_parameter_files_has_a_swedish_word(shipped, case):
    found = load_parameters(shipped, case).values()
    units = {parameter.unit for parameter in found} | {parameter.record.unit for parameter in found}
    assert units - set(_phrases("sv")["data_words"]) == set()
    assert not [unit for unit in units if "MSEK" in SV.data(unit)]


def test_a19_a_probability_that_is_missing_is_not_next_to_impossible():
    assert (SV.probability(np.nan), EN.probability(np.nan)) == ("saknas", "missing")


@pytest.mark.parametrize(
    ("mean", "lower", "upper", "digits", "written"),
    [
        (-0.1, 0.0, 0.0, 1, "≈ 0,0"),
        (-0.06, -0.012, 0.004, 1, "−0,06 (−0,01 till 0,00)"),
        (0.04, 0.0, 0.09, 1, "0,0 (0,0 till 0,1)"),
        (7.0, 0.04, 52.0, None, "7,0 (0,0 till 52,0)"),
        (120.0, 3.0, 900.0, None, "120 (3 till 900)"),
    ],
)
def test_a19_no_mean_is_printed_beside_an_interval_that_rounding_made_a_point(mean, lower, upper, digits, written):
    assert SV.span({"mean": mean, "lower": lower, "upper": upper}, digits=digits) == written


def test_a19_years_are_printed_as_years():
    assert SV.year_span({"mean": 2029.2, "lower": 2027.0, "upper": 2031.0}) == "2029 (2027 till 2031)"


def test_both_languages_have_the_same_texts_with_the_same_gaps():
    def flat(node, path=()):
        if not isinstance(node, dict):
            return {path: {part.split("}")[0] for part in str(node).split("{")[1:]}}
        return {key: gap for name, inner in node.items() for key, gap in flat(inner, (*path, name)).items()}

    def texts(language):
        return flat({key: text for key, text in _phrases(language).items() if key != "data_words"})

    assert texts("sv") == texts("en")


def test_an_unknown_language_is_refused():
    with pytest.raises(ValueError, match="sv, en"):
        Words("no")
