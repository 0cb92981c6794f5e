"""The parametric families of survival: their names and what each is made from."""

from collections.abc import Mapping
from typing import Literal

Family = Literal["exponential", "weibull", "gompertz", "lognormal", "loglogistic", "gamma"]
SURVIVAL_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "exponential": ("rate",),
    "weibull": ("shape", "scale"),
    "gompertz": ("shape", "rate"),
    "lognormal": ("meanlog", "sdlog"),
    "loglogistic": ("shape", "scale"),
    "gamma": ("shape", "rate"),
}
"""Each family's own parameters: time in months where they are learnt from studies, else in the unit of the curve."""
