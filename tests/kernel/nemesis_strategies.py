"""Random faults of every kind, within what a small world can bear."""

from collections.abc import Sequence
from typing import get_args

from hypothesis import strategies as st

from prsm_sim.faults import (
    SHAPES,
    BitRot,
    Byzantine,
    Churn,
    ClockDrift,
    ClockSkew,
    Clog,
    Corruption,
    Crash,
    Delay,
    DelayMessage,
    DropMessage,
    DuplicateMessage,
    Duplication,
    Eclipse,
    Fault,
    Loss,
    LyingDisk,
    OneWay,
    Partition,
    Pause,
    Reordering,
    Slow,
    Sybil,
    Throttle,
    TornWrites,
    shaped_partition,
)

KINDS = {member.model_fields["kind"].default: member for member in get_args(get_args(Fault)[0])}
"""Every type of fault, by kind."""

AT_S = st.floats(0.0, 3.0)
FOR_S = st.floats(0.01, 3.0)
RATE = st.floats(0.01, 1.0)


def strategies(peers: Sequence[str]) -> dict[str, st.SearchStrategy[Fault]]:
    """A strategy for each kind but the Byzantine."""
    one = st.sampled_from(list(peers))
    some = st.lists(one, max_size=3, unique=True).map(tuple)
    when = {"at_s": AT_S, "for_s": FOR_S}
    links = {**when, "senders": some, "receivers": some}
    message = {"sender": one, "receiver": one, "number": st.integers(0, 60)}
    forever = st.none() | FOR_S
    groups = st.lists(some, min_size=2, max_size=4).map(tuple)
    shaped = st.builds(
        shaped_partition, st.sampled_from(sorted(SHAPES)), st.just(tuple(peers)), **when
    )
    return {
        "partition": st.builds(Partition, **when, groups=groups) | shaped,
        "one_way": st.builds(OneWay, **links),
        "loss": st.builds(Loss, **links, rate=RATE),
        "delay": st.builds(Delay, **links, by_s=st.floats(0.01, 2.0)),
        "duplication": st.builds(Duplication, **links, rate=RATE, within_s=st.floats(0.01, 1.0)),
        "reordering": st.builds(Reordering, **links, rate=RATE, within_s=st.floats(0.01, 1.0)),
        "corruption": st.builds(Corruption, **links, rate=RATE),
        "clog": st.builds(Clog, **links),
        "throttle": st.builds(Throttle, **links, bytes_s=st.floats(10.0, 1e6)),
        "crash": st.builds(Crash, **when, peer=one, amnesia=st.booleans()),
        "pause": st.builds(Pause, **when, peer=one),
        "slow": st.builds(Slow, **when, peer=one, by_s=st.floats(0.001, 1.0)),
        "clock_skew": st.builds(ClockSkew, **when, peer=one, by_s=st.floats(-1e6, 1e6)),
        "clock_drift": st.builds(ClockDrift, **when, peer=one, rate=st.floats(0.1, 10.0)),
        "lying_disk": st.builds(LyingDisk, at_s=AT_S, peer=one, for_s=forever),
        "torn_writes": st.builds(TornWrites, at_s=AT_S, peer=one, for_s=forever),
        "bit_rot": st.builds(BitRot, at_s=AT_S, peer=one, share=RATE),
        "churn": st.builds(
            Churn,
            **when,
            peers=st.lists(one, min_size=1, max_size=3, unique=True).map(tuple),
            up_s=st.floats(0.2, 5.0),
            down_s=st.floats(0.1, 5.0),
        ),
        "eclipse": st.builds(Eclipse, **when, victim=one, attackers=some),
        "sybil": st.builds(Sybil, at_s=AT_S, like=one, count=st.integers(1, 3), for_s=FOR_S),
        "drop_message": st.builds(DropMessage, **message),
        "delay_message": st.builds(DelayMessage, **message, by_s=st.floats(0.01, 2.0)),
        "duplicate_message": st.builds(DuplicateMessage, **message, after_s=st.floats(0.01, 2.0)),
    }


def byzantine(peers: Sequence[str]) -> st.SearchStrategy[Fault]:
    """A strategy for every field of a Byzantine fault that a person may set."""
    one = st.sampled_from(list(peers))
    some = st.lists(one, max_size=3, unique=True).map(tuple)
    words = st.text('abcXYZ_"# |/', min_size=1, max_size=6)
    return st.builds(
        Byzantine,
        peer=one,
        behaviour=st.sampled_from(get_args(Byzantine.model_fields["behaviour"].annotation)),
        at_s=AT_S,
        for_s=st.none() | FOR_S,
        types=st.lists(words, max_size=3).map(tuple),
        receivers=some,
        first=st.integers(0, 9),
        count=st.none() | st.integers(1, 9),
        share=RATE,
        field=words | st.just(""),
        change=st.sampled_from(get_args(Byzantine.model_fields["change"].annotation)),
        by_s=FOR_S,
        accomplices=some,
        rounds=st.lists(st.tuples(some, some), max_size=3).map(tuple),
        round_s=FOR_S,
    )


def faults(peers: Sequence[str]) -> st.SearchStrategy[Fault]:
    """Any fault but a Byzantine one."""
    return st.one_of(*strategies(peers).values())
