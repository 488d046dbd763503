"""The adapter behind `ctx.models`: each peer's specialist sub-models, really computed.

What a model answers is computed from the peer's own share. In a simulation only its *duration* is
modelled: a fixed cost a call plus time in proportion to the numbers read (rows × features × passes
over the data), times a factor between 0.8 and 1.2 for a busy machine. Live, it takes what it takes.

Answers are cached by content (rows held, goal), so peers that hold the same shard of data share the
work: the same question to the same rows has the same answer, whoever computes it.
"""

from collections.abc import Mapping
from typing import Any, Final

from threadpoolctl import threadpool_limits

from agents.pipeline.datasets import CARDS
from agents.pipeline.intent import objection
from agents.pipeline.shares import Share, share_of
from agents.pipeline.specialists import FOLDS, infer
from agents.pipeline.submodel_types import Inference
from agents.pipeline.tasks import (
    ELEMENTAL,
    ElementalGoal,
    MeasureClassifier,
    MeasureClusters,
    MeasureRegression,
)
from prsm_sim.actor import OperationFailed, PeerId, Random, Seconds, encode

SKILLS: Final = tuple(goal.__name__ for goal in ELEMENTAL)
"""Names of the specialist sub-models; each is the name of the goal that it answers."""

CALL_S: Final = 0.01
NUMBER_S: Final = 5e-8
PASSES: Final[dict[type[ElementalGoal], int]] = {
    MeasureClassifier: 4 * FOLDS,
    MeasureRegression: 2 * FOLDS,
    MeasureClusters: 60,
}


class SubmodelAdapter:
    """Answers ``models.infer(skill, goal)`` from the share of the peer that asks.

    Args:
        shares: which share each peer holds.
    """

    mode = "real compute"

    def __init__(self, shares: Mapping[PeerId, Share]) -> None:
        self._shares = dict(shares)
        self._cache: dict[tuple[int, int, bytes], Inference] = {}

    @property
    def computed(self) -> int:
        """How many different answers have been computed so far."""
        return len(self._cache)

    def call(self, peer: PeerId, verb: str, arguments: tuple[Any, ...]) -> Inference:
        """The peer's answer.

        Raises:
            OperationFailed: the peer holds no share of that data, the skill is not the goal's, or
                the goal makes no sense.
        """
        goal, share = self._admitted(peer, arguments)
        key = (share.seed, share.thousandths, encode(goal))
        inference = self._cache.get(key)
        if inference is None:
            try:
                # One thread: sums in parts could round differently on another machine.
                with threadpool_limits(limits=1):
                    inference = infer(goal, share_of(goal.data, share))
            except ValueError as error:
                raise OperationFailed(f"this share cannot tell: {error}") from error
            # Live, two threads may compute the same; they get the same, so it does not matter.
            self._cache[key] = inference
        return inference

    def duration_s(
        self, peer: PeerId, verb: str, arguments: tuple[Any, ...], rng: Random
    ) -> Seconds:
        """Modelled time on a small machine; a refusal costs the fixed part only."""
        busy = rng.uniform(0.8, 1.2)
        try:
            goal, share = self._admitted(peer, arguments)
        except OperationFailed:
            return CALL_S * busy
        classes: tuple[int, ...] = getattr(goal, "classes", ())
        features: tuple[int, ...] = getattr(goal, "features", ())
        numbers = CARDS[goal.data].cells(classes, features) * share.thousandths // 1000
        return (CALL_S + NUMBER_S * numbers * PASSES.get(type(goal), 3)) * busy

    def _admitted(self, peer: PeerId, arguments: tuple[Any, ...]) -> tuple[ElementalGoal, Share]:
        skill, goal = arguments
        if not isinstance(goal, ElementalGoal) or type(goal).__name__ != skill:
            raise OperationFailed(f"the sub-model {skill!r} does not answer this goal")
        wrong = objection(goal)
        if wrong is not None:
            raise OperationFailed(wrong)
        share = self._shares.get(peer)
        if share is None or goal.data not in share.datasets:
            raise OperationFailed(f"{peer} holds no share of {goal.data}")
        return goal, share
