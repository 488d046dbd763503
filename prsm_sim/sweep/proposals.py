"""What a search tries next: Optuna's samplers, asked in batches so that any search can be replayed.

A sampler proposes by what it was told, so a search is decided by the order of asking and telling.
Here that order is fixed: a batch of `BATCH` proposals is asked for, then all its results are told,
by number. Neither the number of workers nor when a run ended has a say in it; and a search that was
stopped is taken up by asking and telling all over, with the results that are on disk.

`nsga2` breeds from the non-dominated ones of a generation (Deb, Pratap, Agarwal and Meyarivan
2002), a child's numbers near and between its parents' (the blend of Eshelman and Schaffer 1992; the
default crossover would only deal out numbers that are there). `tpe` models the density of good and
of bad proposals (Bergstra et al. 2011; Ozaki et al. 2020 for several objectives). `random` draws
evenly, and shows what the others are worth.
"""

import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal

import msgspec

from prsm_sim.actor.errors import UserError
from prsm_sim.arms import is_whole, override, overrides
from prsm_sim.scenario import Attack, Choice, Knob, ScenarioParameters
from prsm_sim.sweep.design import Point

Sampler = Literal["nsga2", "tpe", "random"]
BATCH = 10
"""Proposals that are made before the results of the first are told."""
GENERATION = 20
"""NSGA-II: proposals in a generation, so that a hundred make several."""
MUTATION = 0.1
"""NSGA-II: probability that a parameter is drawn anew; Optuna's 1 / parameters is 1 for a single
one, and then nothing is bred."""
DIRECTIONS = ("maximize", "maximize", "minimize")
"""Of the objectives: net gain, harm, cost."""


class Option(msgspec.Struct, frozen=True):
    """One thing that is chosen.

    Attributes:
        name: of the parameter.
        low: smallest number; of no meaning where there are `texts`.
        high: largest.
        whole: whole numbers only.
        logarithmic: searched by ratios.
        texts: the overrides to choose among; empty: a number is chosen.
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    logarithmic: bool = False
    texts: tuple[str, ...] = ()

    def text(self, value: Any) -> str:
        """The override of what a sampler chose: six digits, and never outside of the range."""
        if self.texts:
            return str(value)
        if self.whole:
            return f"{self.name}={int(value)}"
        short = f"{value:.6g}"
        return f"{self.name}={short}" if self.low <= float(short) <= self.high else override(
            self.name, float(value)
        )  # fmt: skip


def options_of(attack: Attack, parameters: type[ScenarioParameters]) -> tuple[Option, ...]:
    """What an attacker chooses, as samplers want it."""
    return tuple(_option(one, parameters) for one in attack.space)


def _option(one: Knob | Choice, parameters: type[ScenarioParameters]) -> Option:
    name = one.parameter
    if isinstance(one, Choice):
        return Option(name, texts=tuple(overrides({name: value})[0] for value in one.values))
    return Option(name, one.low, one.high, is_whole(parameters, name), one.logarithmic)


def optuna_version() -> str:
    """The release of Optuna; another one may propose differently.

    Raises:
        UserError: it is not installed.
    """
    return str(_optuna().__version__)


def _optuna() -> Any:
    try:
        return import_module("optuna")
    except ImportError as error:
        raise UserError("Optuna is not installed; pip install 'prsm-sim[sweep]'") from error


class Proposals:
    """One search.

    Args:
        options: what is chosen.
        sampler: how.
        seed: of the sampler's chance.

    Raises:
        UserError: Optuna is not installed.
    """

    def __init__(self, options: Sequence[Option], sampler: Sampler, seed: int) -> None:
        self._optuna = _optuna()
        self._optuna.logging.set_verbosity(self._optuna.logging.ERROR)
        self._options = tuple(options)
        self._space = {one.name: self._distribution(one) for one in options}
        self._study = self._optuna.create_study(
            directions=DIRECTIONS, sampler=self._sampler(sampler, seed % (1 << 32))
        )
        self._asked: list[Any] = []

    def _distribution(self, one: Option) -> Any:
        kinds = self._optuna.distributions
        if one.texts:
            return kinds.CategoricalDistribution(one.texts)
        if one.whole:
            return kinds.IntDistribution(int(one.low), int(one.high), log=one.logarithmic)
        return kinds.FloatDistribution(one.low, one.high, log=one.logarithmic)

    def _sampler(self, name: Sampler, seed: int) -> Any:
        samplers = self._optuna.samplers
        if name == "nsga2":
            with warnings.catch_warnings():  # Optuna calls this crossover experimental
                warnings.simplefilter("ignore")
                blend = samplers.nsgaii.BLXAlphaCrossover()
            return samplers.NSGAIISampler(
                population_size=GENERATION, crossover=blend, mutation_prob=MUTATION, seed=seed
            )
        if name == "tpe":
            return samplers.TPESampler(n_startup_trials=GENERATION, seed=seed)
        return samplers.RandomSampler(seed=seed)

    def ask(self) -> Point:
        """The next proposal: an override for each option."""
        trial = self._study.ask(self._space)
        self._asked.append(trial)
        return tuple(one.text(trial.params[one.name]) for one in self._options)

    def tell(self, number: int, objectives: Sequence[float] | None) -> None:
        """What came of a proposal.

        Args:
            number: which; they are counted from 0.
            objectives: net gain, harm, cost; None: it failed.
        """
        if objectives is None:
            failed = self._optuna.trial.TrialState.FAIL
            self._study.tell(self._asked[number], state=failed)
        else:
            self._study.tell(self._asked[number], list(objectives))
