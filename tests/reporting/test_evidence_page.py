"""Chapter 01 in words: whether studies differ is told so that it cannot be read as its opposite."""

import pandas as pd
import pytest

from pmbudget.reporting.ch01_evidence import evidence
from pmbudget.reporting.words import Words


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize(
    ("p", "contradicting", "sv", "en"),
    [
        (0.001, True, "ja, mer än", "yes, by more"),
        (0.001, False, "ja (p <\u00a01\u00a0%), men inte mer", "yes (p <\u00a01%), but by no more"),
        (0.4, False, "inte mer än av slump", "by no more than chance"),
    ],
)
def test_studies_that_differ_as_the_model_counts_with_are_said_to_differ(language, p, contradicting, sv, en):
    apart = pd.DataFrame(
        {"p_value": [p], "contradicting": [contradicting]}, index=pd.MultiIndex.from_tuples([("block", "part")])
    )
    told = evidence._contradiction(apart, ("block", "part"), Words(language))
    assert told.startswith({"sv": sv, "en": en}[language])
