"""A case's limits of supply as data: who does the work, how much of it can be had, where the test is made."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from pmbudget.inputs.files import Ref, Strict
from pmbudget.inputs.parameters import Text

Organisation = Literal["own", "healthcare_region", "national"]
"""A laboratory in every region, one in each of the six healthcare regions, or one for the country."""


class Limit(Strict):
    """What may hold the new strategy back: a profession, or instruments.

    ``supply`` is how many there are in the country, ``output`` what one of them yields a year (the product; hours where ``resources``
    are counted in minutes, else in their own measure), ``spare`` the share of it that this test can have on top of what it takes at
    today's use. ``resources`` are what a patient uses of it; of what the comparator uses the share ``released`` is set free.
    A year's ``attrition`` and ``hires`` are shares of the supply at the start, and who is hired works after ``lag`` years. Regions have
    it by population times exp(``deviation``); what is ``shared`` belongs to the laboratory and serves all its regions.
    """

    label: Text
    resources: tuple[str, ...] = Field(min_length=1)
    supply: Ref
    output: tuple[Ref, ...] = Field(min_length=1)
    spare: Ref
    released: Ref | None = None
    attrition: Ref | None = None
    hires: Ref | None = None
    lag: Ref | None = None
    deviation: Ref | None = None
    shared: bool = False


class Laboratories(Strict):
    """Where the test is made ``today``, and what a unit and a run cost and take anywhere.

    ``samples`` is the resource that counts a patient's samples; a change of organisation is posted to ``resource``.
    ``other_samples`` of other tests share the runs, by population.
    """

    today: Organisation
    samples: str
    resource: str
    other_samples: Ref
    fixed_cost: Ref
    cost_run: Ref
    batch: Ref
    longest_wait: Ref
    transport_cost: Ref
    transport_days: Ref


class Loss(Strict):
    """A reason why some who wait for the new strategy never get either strategy, and what they get instead.

    ``rate`` is per month of waiting, in excess of what happens to those who are treated without delay: a death that would have come
    anyway is in the course of the treated. ``management`` is the course that these patients have, untested.
    """

    label: Text
    rate: Ref
    management: str


WAITING = "waiting"
"""The fate of those who still wait when the last year shown ends: they are given the comparator's course, in every mix alike."""


class Capacity(Strict):
    """The limits of a case and what happens to those who wait.

    Who waits gets the comparator at the rate 1 / ``patience`` (days), or leaves for one of the ``losses``. An agreement raises hires by
    the share ``added_hires`` while its programme runs.
    """

    patience: Ref
    losses: dict[str, Loss] = Field(default_factory=dict)
    added_hires: Ref
    limits: dict[str, Limit] = Field(min_length=1)
    laboratories: Laboratories

    def resources(self) -> Iterator[tuple[str, str]]:
        """Every resource named, after the key that names it."""
        for name, limit in self.limits.items():
            yield from ((f"capacity.limits.{name}.resources", resource) for resource in limit.resources)
        yield "capacity.laboratories.samples", self.laboratories.samples
        yield "capacity.laboratories.resource", self.laboratories.resource
