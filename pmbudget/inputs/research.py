"""What could be found out about a case, by which studies and at what price, as data."""

from typing import Literal, Self

from pydantic import Field, model_validator

from pmbudget.inputs.files import Ref, Strict
from pmbudget.inputs.parameters import Text

NEEDS = {
    "normal": {"sd"},
    "binomial": set(),
    "two_arm_binomial": {"treatment"},
    "survival": {"follow_up"},
    "register": set(),
}
MAY_HAVE = {
    "normal": {"log", "times", "cluster_sd", "period_sd"},
    "survival": {"accrual", "shape"},
    "register": {"missing", "false_negative", "false_positive"},
}


class Measure(Strict):
    """Something that a study observes: which parameter its data tell of, and how.

    ``normal``: the mean of the parameter (``log``: of its logarithm; ``times`` another parameter), with ``sd`` between participants,
    ``cluster_sd`` between the study's clusters and ``period_sd`` between the year of the study and others.
    ``binomial``: a count. ``two_arm_binomial``: counts of an arm with ``parameter`` and one with ``treatment``. ``survival``: times to an
    event with the parameter as median and a Weibull ``shape``, ``follow_up`` after ``accrual``. ``register``: a count in rows that may be
    ``missing``, or wrong (``false_negative``, ``false_positive``).
    """

    design: Literal["normal", "binomial", "two_arm_binomial", "survival", "register"]
    parameter: Ref
    sd: Ref | None = None
    log: bool = False
    times: Ref | None = None
    cluster_sd: Ref | None = None
    period_sd: Ref | None = None
    treatment: Ref | None = None
    shape: Ref | None = None
    follow_up: float | None = Field(default=None, gt=0)
    accrual: float = Field(default=0, ge=0)
    missing: Ref | None = None
    false_negative: Ref | None = None
    false_positive: Ref | None = None

    @model_validator(mode="after")
    def _own_keys(self) -> Self:
        given = self.model_fields_set - {"design", "parameter"}
        needed, possible = NEEDS[self.design], MAY_HAVE.get(self.design, set())
        if missing := needed - given:
            raise ValueError(f"a {self.design} study needs {', '.join(sorted(missing))}; add it")
        if foreign := given - needed - possible:
            raise ValueError(f"{', '.join(sorted(foreign))} does not go with a {self.design} study; remove it")
        return self


class Clusters(Strict):
    """Where participants come from: evenly from the ``sampled`` of the ``of`` clusters in the country.

    ``label`` says what these are (laboratories) and ``members`` what is read in them (records), in the plural and as inside a sentence.
    """

    label: Text
    members: Text
    sampled: int = Field(ge=1)
    of: int = Field(ge=2)

    @model_validator(mode="after")
    def _no_more_than_there_are(self) -> Self:
        if self.sampled > self.of:
            raise ValueError(f"sampled = {self.sampled} is more than the {self.of} there are; lower it")
        return self


class ProposedStudy(Strict):
    """A study that could be made: what it observes, which sizes are looked at, what it costs and when it answers.

    With ``clusters`` its participants come from some places only, and each measure may say how these differ.
    """

    label: Text
    measures: tuple[Measure, ...] = Field(min_length=1)
    clusters: Clusters | None = None
    sizes: tuple[int, ...] = Field(min_length=1)
    fixed_cost: Ref
    cost_per_participant: Ref
    years: Ref

    @model_validator(mode="after")
    def _sizes_rise(self) -> Self:
        if list(self.sizes) != sorted(set(self.sizes)) or self.sizes[0] < 1:
            raise ValueError(f"sizes {list(self.sizes)} do not rise from 1 or more; list them in order, each once")
        return self

    @model_validator(mode="after")
    def _clusters_differ(self) -> Self:
        differ = any(measure.cluster_sd for measure in self.measures)
        if differ != (self.clusters is not None):
            raise ValueError("clusters and a measure's cluster_sd go together; give both or neither")
        return self

    @property
    def arms(self) -> int:
        """Participants for each n."""
        return 2 if any(measure.design == "two_arm_binomial" for measure in self.measures) else 1


class RolloutStudy(Strict):
    """The roll-out itself as a study of the share of patients on matched treatment: how that varies, and what following it costs."""

    region_sd: Ref
    period_sd: Ref
    region_period_sd: Ref
    cost_per_year: Ref
    reversal_cost: Ref


class Research(Strict):
    """What could be found out."""

    studies: dict[str, ProposedStudy] = Field(min_length=1)
    rollout: RolloutStudy
