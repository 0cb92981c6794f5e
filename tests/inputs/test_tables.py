"""CSV tables as programs and as Swedish Excel write them: read, or refused once with the line."""

import pytest

from pmbudget.inputs.files import Strict
from pmbudget.inputs.prices import Rate
from pmbudget.inputs.studies import CountStudy, SurvivalStudy
from pmbudget.inputs.tables import read_rows

HEADER = "quantity,study,numerator,denominator,false_negative,use,evidence,source,note\n"
FIRST = 'x,First,3,10,0.05,pool,published,"Åkesson, 2020",\n'


class Figures(Strict):
    name: str
    share: float
    persons: int = 1


@pytest.fixture
def read(tmp_path):
    def reading(content, model=Figures):
        path, faults = tmp_path / "table.csv", []
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return read_rows(path, model, faults), [str(fault) for fault in faults]

    return reading


# The line of a fault is that of the file


@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("", 3),
        ("\n\n", 5),
        ('x,Second,3,10,0,pool,published,Source,"a note\nof two lines"\n', 5),
        (",,,,,,,,\n", 4),
    ],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_fault_stands_on_the_line_of_the_file(read, before, line, ends):
    wrong = "x,Third,30,10,0,pool,published,Source,\n"
    rows, faults = read((HEADER + FIRST + before + wrong).replace("\n", ends), CountStudy)
    assert len(faults) == 1
    assert f"table.csv:{line}: " in faults[0]
    assert rows[0].source == "Åkesson, 2020"


def test_a_row_of_several_lines_is_told_where_it_begins(read):
    _, faults = read(HEADER + 'x,"of\ntwo",30,10,0,pool,published,Source,\n', CountStudy)
    assert "table.csv:2: " in faults[0]


# Tables of Swedish Excel

SWEDISH = (
    "quantity;study;numerator;denominator;false_negative;use;evidence;source;note\n"
    "x;Första;3;1 200;0,05;pool;published;Åkesson, 2020;\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_semicolons_decimal_commas_bom_and_windows_1252_are_read(read, encoding, ends):
    rows, faults = read(SWEDISH.replace("\n", ends).encode(encoding), CountStudy)
    assert faults == []
    [row] = rows
    assert (row.study, row.denominator, row.false_negative, row.source) == ("Första", 1200, 0.05, "Åkesson, 2020")


def test_a_semicolon_table_may_have_decimal_points_and_commas_in_words(read):
    rows, faults = read("name;share\na, b;0.5\n3,5;1\n")
    assert faults == []
    assert [(row.name, row.share) for row in rows] == [("a, b", 0.5), ("3,5", 1)]


def test_a_bom_before_a_comma_table_is_no_part_of_its_first_column(read):
    rows, faults = read("\ufeffname,share\na,0.5\n")
    assert (faults, rows[0].name) == ([], "a")


@pytest.mark.parametrize("surplus", [",", ",,,"])
def test_empty_columns_at_the_end_of_rows_do_not_shift_columns(read, surplus):
    rows, faults = read(f"name,share,persons\na,0.5,4{surplus}\nb,0.25\nc,1,2\n")
    assert faults == []
    assert [(row.name, row.share, row.persons) for row in rows] == [("a", 0.5, 4), ("b", 0.25, 1), ("c", 1, 2)]


THREE = "a{s}{x}{s}1\nb{s}{x}{s}2\nc{s}{x}{s}3\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name\tshare\tpersons\n" + THREE.format(s="\t", x="0.5"), "neither comma nor semicolon"),
        ("name,share,persons\n" + THREE.format(s=",", x='"0,5"'), "decimal comma (0,5) beside commas between columns"),
        (
            "name,share,persons\n" + THREE.format(s=",", x="0,5"),
            "4 cells under 3 columns: a separator too many, or a decimal comma",
        ),
        ("name;share;persons\na;0,5;1\nb;0.5;2\nc;0,5;3\n", "decimal comma (0,5) beside decimal points"),
        ("name,share,persons\n" + THREE.format(s=";", x="0,5"), "semicolons under a header with commas"),
        ("name,shares,persons\n" + THREE.format(s=",", x="0.5"), "shares: unknown key"),
        ("name,share,share\n" + THREE.format(s=",", x="0.5"), "without a name of their own: share"),
        ("name,,share\n" + THREE.format(s=",", x="0.5"), "(empty)"),
        ("näme,share\n" + "å,0.5\n", "näme: unknown key"),
        ('name,share\n"a,0.5\nb,0.5\n', "no CSV table"),
        ("name,share\nå,0.5\nä,0.5\n".encode("cp1252"), "not UTF-8 text"),
        ("name;share\nå;0,5\n".encode("utf-16"), "UTF-16"),
        ("", "neither comma nor semicolon"),
    ],
)
def test_a_table_that_is_neither_is_refused_once(read, content, said):
    rows, faults = read(content)
    assert rows == []
    assert said in faults[0]
    assert len([fault for fault in faults if "the key is missing" not in fault]) == 1


def test_an_exchange_rate_with_a_decimal_comma_is_read(read):
    rows, faults = read(
        "year;currency;sek_per_unit;low;high;evidence;source\n2015;EUR;9,36;8,89;9,83;assumption;x\n", Rate
    )
    assert (faults, rows[0].sek_per_unit) == ([], 9.36)


# Patients of a survival table

PATIENTS = "quantity,study,kind,month,event,use,evidence,source\n"


def test_patients_of_a_survival_table_are_read(read):
    rows, faults = read(
        PATIENTS + "x,A,patient,3.5,1,pool,registry,s\nx,A,patient,9,0,pool,registry,s\n", SurvivalStudy
    )
    assert faults == []
    assert [(row.month, row.event) for row in rows] == [(3.5, 1), (9, 0)]


@pytest.mark.parametrize("event", ["2", "yes", "0.5"])
def test_an_event_that_is_neither_0_nor_1_is_a_fault(read, event):
    _, faults = read(PATIENTS + f"x,A,patient,3.5,{event},pool,registry,s\n", SurvivalStudy)
    assert "event" in faults[0]
