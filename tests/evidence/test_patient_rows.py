"""A survival table of patients, as a register hands it over, loads and is fitted."""

import logging

import numpy as np

from pmbudget.evidence import fit_evidence
from pmbudget.inputs import load_parameters

RECORD = """\
median_extra:
  label: {sv: "Median", en: "Median"}
  unit: months
  distribution: {studies: times.csv, quantity: times, model: survival, part: median, families: [exponential]}
  evidence: registry
  source: {title: "Invented"}
"""


def test_patient_rows_in_csv_load_and_fit(tmp_path):
    time = 20 / np.log(2) * np.random.default_rng(1).exponential(size=200)
    rows = "".join(f"times;Register;patient;{min(t, 24.0):.2f};{int(t < 24)};pool;registry;Invented\n" for t in time)
    header = "quantity;study;kind;month;event;use;evidence;source\n"
    (tmp_path / "prices").mkdir()
    (tmp_path / "prices" / "kpi.csv").write_text("year,index,evidence,source\n2024,400,published,Invented\n")
    (tmp_path / "prices" / "exchange_rates.csv").write_text("year,currency,sek_per_unit,low,high,evidence,source\n")
    (tmp_path / "times.csv").write_text(header + rows.replace(".", ","), "cp1252")
    (tmp_path / "extra.yaml").write_text(RECORD)
    logging.getLogger("pymc").setLevel(logging.ERROR)
    posterior = fit_evidence(load_parameters(tmp_path), cache=tmp_path / "cache", draws=500, chains=2, progress=False)
    low, high = np.quantile(posterior.draws["median_extra"], [0.005, 0.995])
    assert low < 20 < high < 30
