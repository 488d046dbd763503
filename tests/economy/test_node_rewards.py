"""Node rewards: small and rare nodes earn more, and no operator much."""

from fractions import Fraction

import pytest
from earning_reference import node_payments
from economy_instrument import instrument
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from economy.ledger import Ledger, LedgerParameters
from economy.money import ftns
from economy.node_rewards import (
    CAPACITY_MOST,
    POOL,
    EpochPaid,
    Node,
    NodeClass,
    NodeParameters,
    NodeRewards,
    earnings,
)
from economy.refusals import Refusal
from prsm_sim.actor import RemoteProtocolError

FIGURES = NodeParameters()


def network(nodes, pool_units, parameters=None):
    """`nodes` are (operator, region, capacity, uptime_ppm)."""
    ledger = instrument(Ledger)(LedgerParameters(genesis_units=0))
    ledger.mint("sponsor", ftns("1000000"))
    rewards = NodeRewards(ledger, parameters)
    if pool_units:
        assert rewards.fund("sponsor", pool_units) is None
    for number, (operator, region, capacity, uptime_ppm) in enumerate(nodes):
        assert rewards.join(f"n{number}", operator, region, capacity) is None
        assert rewards.report(f"n{number}", uptime_ppm) is None
    return rewards


@pytest.mark.parametrize(
    ("capacity", "node_class"),
    [
        (1, NodeClass.MICRO),
        (100, NodeClass.MICRO),
        (101, NodeClass.STANDARD),
        (999, NodeClass.STANDARD),
        (1_000, NodeClass.LARGE),
        (4_999, NodeClass.LARGE),
        (5_000, NodeClass.MASSIVE),
        (100_000, NodeClass.MASSIVE),
    ],
)
def test_classes_go_by_the_share_of_the_capacity(capacity, node_class):
    assert FIGURES.class_of(capacity, 100_000) is node_class


def test_class_multipliers_are_those_of_the_rule():
    factors = [FIGURES.class_ppm(node_class) for node_class in NodeClass]
    assert factors == [2_000_000, 1_000_000, 500_000, 100_000]


def test_earnings_worked_by_hand():
    nodes = {
        "micro": Node("a", "north", 10, 1_000_000),
        "standard": Node("b", "north", 500, 500_000),
        "large": Node("c", "south", 1_490, 1_000_000),
        "massive": Node("d", "north", 98_000, 1_000_000),
        "idle": Node("e", "east", 10**9, 0),
    }
    in_the_south = Fraction(1_490, 100_000)
    assert earnings(nodes, FIGURES) == {
        "micro": 200 * 10**18 * (1 + in_the_south / 2),
        "standard": 50 * 10**18 * (1 + in_the_south / 2),
        "large": 50 * 10**18 * (1 + (1 - in_the_south) / 2),
        "massive": 10 * 10**18 * (1 + in_the_south / 2),
    }


def test_a_rich_pool_pays_what_was_earned():
    nodes = [(f"op{n}", "here", 1, 1_000_000) for n in range(1_000)]
    paid = network(nodes, ftns("300000")).close_epoch(0)
    assert paid.payments == tuple(sorted((f"op{n}", ftns("200")) for n in range(1_000)))
    assert paid.withheld_units == 0


def test_a_poor_pool_is_shared_in_proportion_to_the_last_unit():
    nodes = [(f"op{n}", "here", 1, 1_000_000) for n in range(8)]
    rewards = network(nodes, 1_001)
    paid = rewards.close_epoch(0)
    assert paid.payments == tuple((f"op{n}", 126 if n == 0 else 125) for n in range(8))
    assert POOL not in rewards.ledger.balances


@pytest.mark.parametrize("operators", ["zy", "yz"])
def test_a_unit_left_over_goes_to_the_first_by_name(operators):
    figures = NodeParameters(operator_most_ppm=1_000_000)
    rewards = network([(name, "here", 1, 1_000_000) for name in operators], 3, figures)
    assert rewards.close_epoch(0).payments == (("y", 2), ("z", 1))


def test_no_operator_gets_more_than_his_limit_of_the_budget():
    nodes = [("whale", "here", 1, 1_000_000)] * 9 + [("minnow", "here", 1, 1_000_000)]
    rewards = network(nodes, 1_000)
    assert rewards.close_epoch(0) == EpochPaid(1_000, 750, (("minnow", 100), ("whale", 150)))
    assert rewards.ledger.balances[POOL] == 750
    assert rewards.paid_units == 250


def test_the_budget_is_a_share_of_the_pool():
    figures = NodeParameters(budget_ppm=100_000, operator_most_ppm=1_000_000)
    rewards = network([("a", "here", 1, 1_000_000)], 1_009, figures)
    assert rewards.close_epoch(0) == EpochPaid(100, 0, (("a", 100),))


def test_an_epoch_is_paid_once_and_uptime_begins_anew():
    rewards = network([("a", "here", 1, 1_000_000)], 1_000)
    assert rewards.close_epoch(1) is Refusal.INVALID_FIGURE
    assert rewards.close_epoch(0).payments == (("a", 150),)
    assert rewards.close_epoch(0) is Refusal.ALREADY_CLOSED
    assert rewards.close_epoch(1) == EpochPaid(850, 0, ())


def test_an_empty_pool_pays_nothing():
    rewards = network([("a", "here", 1, 1_000_000)], 0)
    assert rewards.close_epoch(0) == EpochPaid(0, 0, ())
    assert rewards.epoch == 1


def test_an_operator_whose_account_is_closed_holds_up_no_one():
    rewards = network([("a", "here", 1, 1_000_000), ("b", "here", 1, 1_000_000)], 1_000)
    rewards.ledger.close("a")
    assert rewards.close_epoch(0).payments == (("b", 150),)


def test_a_frozen_pool_refuses_and_changes_nothing():
    rewards = network([("a", "here", 1, 1_000_000)], 1_000)
    rewards.ledger.freeze(POOL)
    before = rewards.encode()
    assert rewards.close_epoch(0) is Refusal.ACCOUNT_FROZEN
    assert rewards.encode() == before


def test_an_operator_takes_only_his_own_nodes_out():
    rewards = network([("a", "here", 1, 1_000_000)], 1_000)
    assert rewards.leave("n0", "b") is Refusal.NOT_AUTHORISED
    assert rewards.leave("n1", "a") is Refusal.UNKNOWN_NODE
    assert rewards.leave("n0", "a") is None
    assert rewards.close_epoch(0).payments == ()


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        (lambda r: r.join("n0", "b", "here", 1), Refusal.ID_TAKEN),
        (lambda r: r.join("n0", "a", "there", 1), Refusal.ID_TAKEN),
        (lambda r: r.join("n0", "a", "here", 2), Refusal.ID_TAKEN),
        (lambda r: r.join("n0", "a", "here", 1), None),
        (lambda r: r.join("n1", "a", "here", 0), Refusal.INVALID_FIGURE),
        (lambda r: r.join("n1", "a", "here", CAPACITY_MOST + 1), Refusal.INVALID_FIGURE),
        (lambda r: r.join("n1", POOL, "here", 1), Refusal.NOT_AUTHORISED),
        (lambda r: r.report("n1", 1), Refusal.UNKNOWN_NODE),
        (lambda r: r.report("n0", -1), Refusal.INVALID_FIGURE),
        (lambda r: r.report("n0", 1_000_001), Refusal.INVALID_FIGURE),
        (lambda r: r.fund("a", 1), Refusal.INSUFFICIENT_FUNDS),
    ],
)
def test_what_is_refused_or_repeated_changes_nothing(call, refusal):
    rewards = network([("a", "here", 1, 7)], 1_000)
    before = rewards.encode(), dict(rewards.ledger.balances)
    assert call(rewards) is refusal
    assert (rewards.encode(), rewards.ledger.balances) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nodes": {"n": Node("a", "r", 0)}}, "not possible"),
        ({"nodes": {"n": Node("a", "r", 1, 1_000_001)}}, "not possible"),
        ({"nodes": {"n": Node(POOL, "r", 1)}}, "by itself"),
        ({"paid_units": 1}, "0 epochs"),
        ({"epoch": -1}, "epochs"),
    ],
)
def test_the_audit_finds_what_is_wrong(change, words):
    rewards = network([], 0)
    assert rewards.audit() is None
    for field, value in change.items():
        setattr(rewards, field, value)
    assert words in rewards.audit()
    if "paid_units" not in change and "epoch" not in change:
        with pytest.raises(RemoteProtocolError, match=words):
            network([], 0).restore(rewards.encode())


def test_restoring_trusts_nothing():
    rewards = network([("a", "here", 1, 5), ("b", "here", 2, 6)], 10)
    payload = rewards.encode()
    other = network([], 0)
    for length in range(len(payload)):
        with pytest.raises(RemoteProtocolError):
            other.restore(payload[:length])
    rewards.nodes = dict(reversed(rewards.nodes.items()))
    assert rewards.encode() == payload, "the order of joining leaves no mark"
    other.restore(payload)
    assert other.encode() == payload


NODES = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from(["north", "south"]),
        st.integers(1, 2_000),
        st.sampled_from([0, 1, 333_333, 1_000_000]),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(NODES, st.integers(0, 10**22), st.sampled_from([1_000_000, 333_333]))
def test_payments_are_those_of_the_naive_rule(nodes, pool, budget_ppm):
    figures = NodeParameters(budget_ppm=budget_ppm)
    rewards = network(nodes, pool, figures)
    paid = rewards.close_epoch(0)
    assert dict(paid.payments) == node_payments(nodes, pool, figures)
    assert sum(units for _, units in paid.payments) + paid.withheld_units <= paid.budget_units
    assert all(units * 100 <= 15 * paid.budget_units for _, units in paid.payments)
    assert rewards.ledger.balances.get(POOL, 0) == pool - sum(u for _, u in paid.payments)


class NodesAgainstReference(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.rewards = network([], 10**20)
        self.ledger = self.rewards.ledger
        self.nodes, self.pool, self.got = {}, 10**20, {}

    @rule(
        name=st.integers(0, 5),
        operator=st.sampled_from("abc"),
        region=st.sampled_from("ns"),
        capacity=st.integers(0, 900),
    )
    def join(self, name, operator, region, capacity):
        answer = self.rewards.join(str(name), operator, region, capacity)
        if name in self.nodes:
            assert answer is (
                None if self.nodes[name][:3] == [operator, region, capacity] else Refusal.ID_TAKEN
            )
        elif capacity:
            assert answer is None
            self.nodes[name] = [operator, region, capacity, 0]
        else:
            assert answer is Refusal.INVALID_FIGURE

    @rule(name=st.integers(0, 5), uptime_ppm=st.integers(0, 10**6))
    def report(self, name, uptime_ppm):
        answer = self.rewards.report(str(name), uptime_ppm)
        if name in self.nodes:
            self.nodes[name][3] = uptime_ppm
        assert answer is (None if name in self.nodes else Refusal.UNKNOWN_NODE)

    @rule(name=st.integers(0, 5), operator=st.sampled_from("abc"))
    def leave(self, name, operator):
        answer = self.rewards.leave(str(name), operator)
        assert (answer is None) == (name in self.nodes and self.nodes[name][0] == operator)
        if answer is None:
            del self.nodes[name]

    @rule()
    def close(self):
        paid = self.rewards.close_epoch(self.rewards.epoch)
        expected = node_payments(list(self.nodes.values()), self.pool, FIGURES)
        assert dict(paid.payments) == expected
        for operator, units in expected.items():
            self.got[operator] = self.got.get(operator, 0) + units
            self.pool -= units
        for node in self.nodes.values():
            node[3] = 0

    @rule()
    def move_to_restored_rewards(self):
        payload = self.rewards.encode()
        self.rewards = NodeRewards(self.ledger)
        self.rewards.restore(payload)
        assert self.rewards.encode() == payload

    @invariant()
    def paid_alike(self):
        assert self.rewards.audit() is None
        assert self.ledger.balances.get(POOL, 0) == self.pool
        assert self.rewards.paid_units == sum(self.got.values())
        for operator, units in self.got.items():
            assert self.ledger.balances[operator] == units


TestNodesAgainstReference = NodesAgainstReference.TestCase
TestNodesAgainstReference.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None
)
