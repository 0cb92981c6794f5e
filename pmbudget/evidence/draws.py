"""One joint table of draws: posterior rows for what is learnt, seeded generators for the rest."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from pmbudget.errors import EvidenceError
from pmbudget.evidence.blocks import learnt
from pmbudget.evidence.fit import Posterior
from pmbudget.evidence.generators import generator, in_blocks
from pmbudget.inputs.parameters import Parameter, ParameterSet, Shares
from pmbudget.inputs.regions import CODES


def draw_parameters(
    parameters: ParameterSet, posterior: Posterior | None = None, *, n: int = 4000, seed: int = 1
) -> xr.Dataset:
    """The joint draws of all parameters, in the model's units.

    Returns
    -------
    Dataset
        One variable per parameter over ``draw`` (and ``region`` where the parameter is one per region); a parameter
        that is known exactly has no ``draw``. ``attrs["unit"]`` states the unit.

    Raises
    ------
    EvidenceError
        A learnt parameter is not in ``posterior``, or ``n`` is more than the posterior holds: rows are never repeated.
    """
    return _table(parameters, posterior, n, lambda name: seed)


def redrawn(
    parameters: ParameterSet, posterior: Posterior | None, keep: Collection[str], *, n: int = 4000, seed: int = 1
) -> xr.Dataset:
    """As :func:`draw_parameters`, with everything but ``keep`` drawn independently of it."""
    return _table(parameters, posterior, n, lambda name: seed if name in keep else seed + 1_000_003)


def _table(parameters: ParameterSet, posterior: Posterior | None, n: int, seed_of: Callable[[str], int]) -> xr.Dataset:
    wanted = [parameter.name for parameter in learnt(parameters)]
    values: dict[str, np.ndarray] = {}
    if wanted:
        values |= _posterior_rows(wanted, posterior, n, seed_of)
    for name, parameter in parameters.items():
        values[name] = values[name] * parameter.factor if parameter.is_learnt else _drawn(parameter, n, seed_of)
    for parameter in learnt(parameters):
        if parameter.learning.over is not None:
            values[parameter.name] = values[parameter.name] / values[parameter.learning.over]
    for name, parameter in parameters.items():
        # An uncertain rate or trend makes every amount converted by it uncertain, together.
        if parameter.rate is not None:
            values[name] = _times(values[name], values[parameter.rate])
        if parameter.trend is not None:
            values[name] = _times(values[name], (1 + values[parameter.trend]) ** parameter.trend_years)
    dims = {0: (), 1: ("draw",), 2: ("draw", "region")}
    variables = {
        name: (dims[values[name].ndim], values[name], {"unit": parameter.unit, "evidence": parameter.record.evidence})
        for name, parameter in parameters.items()
    }
    return xr.Dataset(variables, coords={"region": list(CODES)})


def _times(amounts: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Amounts over draw, or draw and region, times a factor that is the country's."""
    return amounts * factor if amounts.ndim < 2 else amounts * factor[..., None]


def _drawn(parameter: Parameter, n: int, seed_of: Callable[[str], int]) -> np.ndarray:
    known, stated = parameter.distribution, parameter.record.distribution
    assert known is not None
    if isinstance(stated, Shares):
        # Shares that sum to 1 are drawn together, and kept together where one of them is kept.
        seed = min(seed_of(name) for name in stated.counts)
        drawn = in_blocks(n, seed, stated.name, lambda rng, size: rng.dirichlet(stated.concentrations, size))
        return drawn[:, list(stated.counts).index(parameter.name)]
    if known.is_fixed:
        return np.asarray(known.mean * parameter.factor)
    seed = seed_of(parameter.name)
    shape = (len(CODES),) if parameter.record.by == "region" else ()
    drawn = in_blocks(n, seed, parameter.name, lambda rng, size: known.draw((size, *shape), rng))
    return drawn * parameter.factor


def _posterior_rows(
    names: list[str], posterior: Posterior | None, n: int, seed_of: Callable[[str], int]
) -> dict[str, np.ndarray]:
    if posterior is None:
        raise EvidenceError(
            f"{', '.join(names)} are learnt from studies; give the posterior of fit_evidence(parameters)"
        )
    missing = [name for name in names if name not in posterior.draws]
    if missing:
        raise EvidenceError(f"the posterior has no {', '.join(missing)}; fit_evidence(parameters) anew")
    held = posterior.draws.sizes["draw"]
    if n > held:
        chains = posterior.fitted.sizes.get("chain", 1)
        raise EvidenceError(
            f"{n} draws asked for and the posterior holds {held}; "
            f"fit_evidence(parameters, draws={-(-n // chains)}, chains={chains}) gives enough"
        )
    # The same rows for all parameters of one seed: what the posterior knows jointly stays joint.
    rows = {name: generator(seed_of(name), "posterior", 0).permutation(held)[:n] for name in names}
    return {name: posterior.draws[name].to_numpy()[rows[name]] for name in names}


class ReadDraws(Mapping[str, xr.DataArray]):
    """A table of draws that remembers which parameters were read."""

    def __init__(self, draws: xr.Dataset):
        self.draws, self.read = draws, set[str]()

    def __getitem__(self, name: str) -> xr.DataArray:
        self.read.add(name)
        return self.draws[name]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.draws)

    def __len__(self) -> int:
        return len(self.draws)

    @property
    def sizes(self) -> Mapping[Any, int]:
        """Dims of the table."""
        return self.draws.sizes

    @property
    def attrs(self) -> dict[Any, Any]:
        """What is said of the whole table."""
        return self.draws.attrs

    def assign(self, moved: Any, /) -> "ReadDraws":
        """With other values of some parameters, remembered in the same place."""
        table = ReadDraws(self.draws.assign(moved))
        table.read = self.read
        return table

    def isel(self, **chosen: Any) -> "ReadDraws":
        """Part of the draws, remembered in the same place."""
        part = ReadDraws(self.draws.isel(**chosen))
        part.read = self.read
        return part
