"""The baseline in the live world: the same actors send the same messages."""

import pytest

from live.node import run_live
from scenarios.consensus_baseline.parameters import ConsensusBaselineParameters
from scenarios.consensus_baseline.scenario import consensus_baseline


def live_metrics(**changes: object) -> dict[str, object]:
    parameters = ConsensusBaselineParameters.model_validate(
        {"link": "fixed:0.06", "duration_s": 20.0, **changes}
    )
    world = run_live(consensus_baseline, parameters, 3, transport="inprocess")
    assert world.stopped == "every request has its result, and the network is quiet"
    assert {one.status for one in world.observatory.verdicts()} == {"pass"}
    return world.observatory.metrics


@pytest.mark.parametrize("n", [4, 5])
def test_live_a_request_costs_the_same_messages(n: int) -> None:
    messages = live_metrics(replicas=n, requests=6)["messages"]
    assert isinstance(messages, dict)
    assert messages["pre_prepare"] == 6 * (n - 1)
    assert messages["commit"] == 6 * n * (n - 1)
    assert messages["replica_to_replica"] == 6 * 2 * n * (n - 1)
    assert messages["total"] == 6 * (2 * n * n - n + 1)


def test_live_messages_to_a_peer_that_is_down_are_counted_as_well() -> None:
    found = live_metrics(requests=4, crashed="backup")
    messages = found["messages"]
    assert isinstance(messages, dict)
    assert messages["replica_to_replica"] == 4 * (3 + 2 * 3 + 3**2)
    assert found["committed"] == 4
