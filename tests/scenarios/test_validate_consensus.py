"""`prsm validate consensus`: right answers pass, wrong ones are found, and the command says so."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from agents.consensus.rules import Committee
from prsm_sim import registry
from prsm_sim.cli.main import main
from prsm_sim.intervals import bootstrap_quantiles, share, welch
from prsm_sim.validation import Claim, equal, equal_real, within
from scenarios.consensus_baseline import closed_forms, monte_carlo, validation
from scenarios.consensus_baseline.certificates import Certified
from scenarios.consensus_baseline.validation import Case, Extent

TINY = Extent(
    sizes=(4, 5),
    cases=(Case("exponential:1.0", 4), Case("lognormal:0.5:0.8", 5, "backup")),
    runs=40,
    requests=10,
    committees=(4,),
    seeds=8,
)


def quiet(_: str) -> None:
    pass


def failures(claims: list[Claim]) -> list[str]:
    return [claim.what for claim in claims if claim.verdict == "fail"]


def test_the_shipped_protocol_holds_every_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "QUICK", TINY)
    claims = validation.validate(True, quiet)
    assert failures(claims) == []
    assert len({claim.what for claim in claims}) == len(claims)
    assert sum(claim.interval is not None for claim in claims) == 2 * 6 + 3 - 1


@pytest.fixture
def uncertified(monkeypatch: pytest.MonkeyPatch) -> None:
    """No oracle of certificates, which would see at once what else is to find out later."""
    monkeypatch.setattr(Certified, "observers", lambda self: {})


@pytest.mark.usefixtures("uncertified")
def test_a_quorum_that_is_one_short_is_found_by_the_latencies_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Committee, "is_committed", lambda self, matching: matching >= self.q - 1)
    found = failures(list(validation.random_links(TINY.cases[0], TINY, 0.999)))
    assert "n = 4, exponential:1.0: commit latency, mean, s" in found


@pytest.mark.usefixtures("uncertified")
def test_a_client_that_takes_one_reply_is_found_by_the_latencies_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    init = Committee.__post_init__

    def trusting(self: Committee) -> None:
        init(self)
        object.__setattr__(self, "join", 1)

    monkeypatch.setattr(Committee, "__post_init__", trusting)
    found = failures(list(validation.random_links(TINY.cases[0], TINY, 0.999)))
    assert "n = 4, exponential:1.0: client latency, mean, s" in found


def test_a_message_too_many_is_found_by_the_closed_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    from agents.consensus.messages import Reply
    from prsm_sim.sim import Sim
    from prsm_sim.traffic import Traffic

    counting = Sim.count_traffic

    def off_by_one(self: Sim) -> Traffic:
        traffic = counting(self)
        traffic["replica-0", Reply] += 1
        return traffic

    monkeypatch.setattr(Sim, "count_traffic", off_by_one)
    assert failures(list(closed_forms.undisturbed(4, 1.0))) == ["n = 4: messages with the client's"]


@pytest.mark.usefixtures("uncertified")
def test_a_quorum_of_2f_plus_1_fails_where_n_is_not_3f_plus_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agents.consensus.rules.quorum", lambda n: 2 * ((n - 1) // 3) + 1)
    assert failures(list(validation.byzantine(6, 8))) == [
        "n = 6, f = 1: 1 equivocate together, agreement broken"
    ]


def test_where_two_quorums_share_more_than_f_plus_1_as_many_liars_are_survived() -> None:
    claims = list(validation.byzantine(5, 6))
    assert [(claim.expected, claim.verdict) for claim in claims] == [
        ("never", "pass"), ("never", "pass"), ("> 0", "pass"),
    ]  # fmt: skip


def scalar_run(
    n: int, requests: int, delays: Callable[[int, str, int, int], float]
) -> tuple[list[float], list[list[float]]]:
    """One chain by sorting lists, straight from the text of the protocol.

    `delays(request, kind, sender, receiver)` is a link's delay; the client is -1.
    """
    f = (n - 1) // 3
    q = -((n + f + 1) // -2)
    sent, executed = 0.0, [0.0] * n
    clients, commits = [], []
    for r in range(requests):

        def delay(kind: str, sender: int, receiver: int, r: int = r) -> float:
            return 0.0 if sender == receiver else delays(r, kind, sender, receiver)

        got = [sent + delay("request", -1, 0)]
        got += [got[0] + delay("pre-prepare", 0, i) for i in range(1, n)]
        prepared = []
        for i in range(n):
            votes = sorted(got[j] + delay("prepare", j, i) for j in range(1, n))
            prepared.append(max(got[i], votes[q - 2]))
        for i in range(n):
            votes = sorted(prepared[j] + delay("commit", j, i) for j in range(n))
            executed[i] = max(executed[i], prepared[i], votes[q - 1])
        result = sorted(executed[i] + delay("reply", i, -1) for i in range(n))[f]
        clients.append(result - sent)
        commits.append([at - sent for at in executed])
        sent = result
    return clients, commits


@pytest.mark.parametrize("n", [4, 5, 6, 7, 10])
def test_the_monte_carlo_is_the_protocol_of_sorted_lists(n: int) -> None:
    requests = 25
    rng = np.random.default_rng(n)
    drawn: list[monte_carlo.Floats] = []

    def draw(shape: tuple[int, ...]) -> monte_carlo.Floats:
        drawn.append(rng.lognormal(0.0, 2.0, shape))
        return drawn[-1]

    found = monte_carlo.run(n, 0, requests, 1, draw)

    def delays(request: int, kind: str, sender: int, receiver: int) -> float:
        to_primary, orders, prepares, commits, replies = drawn[5 * request : 5 * request + 5]
        table = {
            "request": lambda: to_primary[0],
            "pre-prepare": lambda: orders[0, receiver - 1],
            "prepare": lambda: prepares[0, sender, receiver],
            "commit": lambda: commits[0, sender, receiver],
            "reply": lambda: replies[0, sender],
        }
        return float(table[kind]())

    clients, commits = scalar_run(n, requests, delays)
    assert found.client_s[0] == pytest.approx(clients)
    assert found.commit_s[0].tolist() == [pytest.approx(one) for one in commits]


@pytest.mark.parametrize("law", ["fixed", "uniform", "exponential", "lognormal"])
def test_link_delays_have_the_mean_that_they_are_named_by(law: str) -> None:
    draw = monte_carlo.link_delays(law, 3.0, 0.7, np.random.default_rng(1))
    values = draw((200_000,))
    error = values.std() / math.sqrt(len(values))
    assert abs(values.mean() - 3.0) <= 4 * error + 1e-12
    assert (values.std() == 0.0) == (law == "fixed")


def test_fixed_links_make_the_monte_carlo_exact() -> None:
    found = monte_carlo.run(7, 2, 4, 3, lambda shape: np.full(shape, 0.5))
    assert (found.client_s == 2.5).all()
    assert (found.commit_s == 2.0).all()
    assert found.commit_s.shape == (3, 4, 5)


def test_welch_and_clopper_pearson_are_those_of_scipy() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.normal(5, 1, 30), rng.normal(5.5, 3, 50)
    reference = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.99)
    assert welch(first, second, 0.99) == pytest.approx((reference.low, reference.high))
    for hits in (0, 3, 20):
        exact = stats.binomtest(hits, 20).proportion_ci(0.95, method="exact")
        assert share(hits, 20, 0.95) == pytest.approx((exact.low, exact.high))
    assert welch(np.ones(4), np.ones(5), 0.95) == (0.0, 0.0)


def test_the_bootstrap_covers_equal_quantiles_and_tells_different_ones_apart() -> None:
    rng = np.random.default_rng(3)

    def correlated(runs: int, scale: float) -> monte_carlo.Floats:
        common = rng.exponential(1.0, (runs, 1))
        return scale * (common + rng.exponential(1.0, (runs, 20)))

    hits, trials = 0, 50
    for _ in range(trials):
        [(low, high)] = bootstrap_quantiles(
            correlated(40, 1.0), correlated(40, 1.0), (0.5,), 0.95, rng, 60
        )
        hits += low <= 0.0 <= high
    assert stats.binomtest(hits, trials).proportion_ci(0.999).high >= 0.95
    assert hits >= 0.85 * trials
    [(low, high)] = bootstrap_quantiles(
        correlated(200, 1.5), correlated(200, 1.0), (0.5,), 0.99, rng, 60
    )
    assert 0.0 < low < high


def test_claims_hold_or_do_not() -> None:
    assert equal("a", 3, 3).verdict == "pass"
    assert equal("a", 3, 4).verdict == "fail"
    assert equal_real("a", 0.3, 0.1 + 0.2).verdict == "pass"
    assert equal_real("a", 0.3, 0.3000001).verdict == "fail"
    assert equal_real("a", 0.3, None).verdict == "fail"
    assert within("a", 1, 1, (-1.0, 1.0), 0.0, of="difference").verdict == "pass"
    assert within("a", 1, 1, (0.1, 1.0), 0.0, of="difference").verdict == "fail"


def run_command(monkeypatch: pytest.MonkeyPatch, claims: list[Claim], *arguments: str) -> Any:
    seen: list[bool] = []

    def run(quick: bool, note: Callable[[str], None]) -> list[Claim]:
        seen.append(quick)
        note("measuring")
        return claims

    monkeypatch.setattr(registry, "find_validation", lambda _: run)
    result = CliRunner().invoke(main, ["validate", "consensus", *arguments])
    assert seen == ["--quick" in arguments]
    assert "prsm: measuring" in result.stderr
    return result


def test_the_command_prints_claims_and_exits_with_1_if_one_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = within("a mean", 1.5, 1.6, (-0.2, 0.1), 0.0, of="difference", detail="9 runs")
    bad = equal("a count", 24, 25)
    result = run_command(monkeypatch, [good, bad], "--json", "--quick")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["validation"], found["status"], found["failed"]) == ("consensus", "fail", 1)
    assert found["claims"][0]["interval"] == [-0.2, 0.1]
    assert found["claims"][1] | {"detail": ""} == found["claims"][1]
    assert [claim["verdict"] for claim in found["claims"]] == ["pass", "fail"]
    result = run_command(monkeypatch, [good])
    assert result.exit_code == 0
    assert "difference in [-0.2, 0.1]" in result.stdout
    assert "1 of 1 claims hold" in result.stdout


def test_several_validations_are_one_json_object(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"one": [equal("a", 1, 1)], "two": [equal("b", 1, 2)]}
    monkeypatch.setattr(registry, "validation_names", lambda: list(answers))
    monkeypatch.setattr(registry, "find_validation", lambda name: lambda *_: answers[name])
    result = CliRunner().invoke(main, ["validate", "--json"])
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["status"] == "fail"
    assert [one["status"] for one in found["validations"]] == ["pass", "fail"]


def test_validations_are_found_by_name() -> None:
    assert "consensus" in registry.validation_names()
    assert registry.find_validation("consensus") is validation.validate
    result = CliRunner().invoke(main, ["validate", "concensus"])
    assert result.exit_code == 2
    assert "did you mean 'consensus'?" in result.stderr
