"""`prsm validate economy`: right answers pass, wrong ones are found."""

from collections.abc import Iterable

import numpy as np
import pytest

from prsm_sim.validation import Claim
from scenarios.compute_queue.pool import Source
from scenarios.economy_validation import validation
from scenarios.economy_validation.comparison import Comparison, Frequency, decide
from scenarios.economy_validation.validation import Extent
from scenarios.kinetic_exchange.bank import Bank

TINY = Extent(runs=3, steps=30, few=3, some=12, many=400, jobs=1000, unequal=8)


def failures(claims: Iterable[Claim]) -> list[str]:
    return [claim.what for claim in claims if claim.verdict == "fail"]


def family(name: str, extent: Extent = TINY) -> list[str]:
    found = list(validation.FAMILIES[name](extent))
    claims = [one for one in found if isinstance(one, Claim)]
    return failures(claims + decide([one for one in found if not isinstance(one, Claim)]))


def test_the_shipped_economy_holds_every_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "QUICK", TINY)
    noted: list[str] = []
    claims = validation.validate(True, noted.append)
    assert failures(claims) == []
    assert noted == list(validation.FAMILIES)
    assert len({claim.what for claim in claims}) == len(claims) > 70


def test_agents_that_act_on_what_they_just_received_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    init = Bank.__init__

    def impatient(self: Bank, *arguments: object) -> None:
        init(self, *arguments)  # type: ignore[arg-type]
        self.waits = False

    monkeypatch.setattr(Bank, "__init__", impatient)
    found = family("unit exchange of few agents", TINY._replace(runs=4, steps=80))
    assert found
    assert all("sync, 3 agents, event path" in what for what in found)


def test_a_pool_that_is_not_split_uniformly_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    meet = Bank.meet

    def timid(self: Bank, acting: str, other: str, draw: int) -> None:
        meet(self, acting, other, 2**30 + (draw & 2**31 - 1))

    monkeypatch.setattr(Bank, "meet", timid)
    found = family("pooling", TINY._replace(runs=4, steps=40))
    assert "pooling, async, 12 agents: gini" in found
    assert not any("population" in what for what in found)


def test_service_of_the_wrong_law_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    init = Source.__init__

    def rigid(self: Source, *arguments: object) -> None:
        init(self, *arguments)  # type: ignore[arg-type]
        self.exponential = False

    monkeypatch.setattr(Source, "__init__", rigid)
    found = family("queues", TINY._replace(runs=5, jobs=3000))
    assert "M/M/1, λ = 0.8, service 1 s: mean_wait_s" in found
    assert not any("/D/" in what for what in found)


def test_comparisons_decide_by_their_intervals() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(5.0, 1.0, 50)
    assert Comparison("a", 5.0, values).claim(0.99).verdict == "pass"
    assert Comparison("a", 6.0, values).claim(0.99).verdict == "fail"
    assert Comparison("a", rng.normal(5.0, 2.0, 40), values).claim(0.99).verdict == "pass"
    assert Comparison("a", rng.normal(7.0, 2.0, 40), values).claim(0.99).verdict == "fail"
    constant = np.full(3, 0.25)
    assert Comparison("a", 0.25, constant).claim(0.99).verdict == "pass"
    assert Comparison("a", 0.5, constant).claim(0.99).verdict == "fail"
    assert Frequency("a", 0.5, 45, 100).claim(0.95).verdict == "pass"
    assert Frequency("a", 0.5, 20, 100).claim(0.95).verdict == "fail"
    wide, narrow = (
        decide([Comparison("a", 5.0, values)] * 20)[0],
        decide([Comparison("a", 5.0, values)])[0],
    )
    assert wide.interval is not None
    assert narrow.interval is not None
    assert wide.interval[0] < narrow.interval[0]
