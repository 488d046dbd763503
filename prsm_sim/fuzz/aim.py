"""Aiming: strike again where the run under a first plan did something worth striking.

Protocols break where one of their rare steps is only half done: a view change of which some have
heard, a vote that one peer has and the others lack. Faults at random times seldom meet such a step,
because there are many times and few of these steps. So the run under a plan is watched, some of its
messages are chosen (each type as likely as any other, the rare ones more), and faults are added at
the very moments at which these are sent (see `prsm_sim.fuzz.moments`).
"""

from collections.abc import Callable, Sequence

from prsm_sim.actor.types import Seconds
from prsm_sim.faults import (
    Crash,
    DelayMessage,
    DropMessage,
    DuplicateMessage,
    Fault,
    OneWay,
    Partition,
    Pause,
)
from prsm_sim.fuzz.ground import Ground
from prsm_sim.fuzz.lies import ALTERING, lie
from prsm_sim.fuzz.makers import alone, split, star, tangle
from prsm_sim.fuzz.moments import Moment
from prsm_sim.plan import Plan

_TICK_S = 1e-6
_RARER = 3
"""So much likelier is a type of messages that an undisturbed run does not show."""

Strike = Callable[[Ground, Moment, Seconds], list[Fault]]


def aim(ground: Ground, plan: Plan, moments: Sequence[Moment]) -> Plan:
    """`plan` and one to three strikes more, at moments of the run that it led to."""
    by_kind: dict[str, list[Moment]] = {}
    for moment in moments:
        if moment.time_s + 2 * _TICK_S < ground.exposure.heal_s:
            by_kind.setdefault(moment.kind, []).append(moment)
    kinds = [kind for kind in by_kind for _ in range(_RARER if kind in ground.rare else 1)]
    if not kinds:
        return plan
    faults: list[Fault] = []
    for _ in range(ground.rng.randint(1, 3)):
        moment = ground.rng.choice(by_kind[ground.rng.choice(kinds)])
        left_s = ground.exposure.heal_s - moment.time_s - 2 * _TICK_S
        for_s = min(ground.span_s(), left_s)
        faults += ground.rng.choice(_strikes(ground, moment))(ground, moment, for_s)
    return plan + tuple(faults)


def _strikes(ground: Ground, moment: Moment) -> list[Strike]:
    """What can be done about a message."""
    strikes: list[Strike] = [_lose, _lose, _hold, _repeat, _cut, _alone, _split]
    if moment.sender in ground.exposure.peers:
        strikes += [_crash_after, _crash_before, _pause]
    if len(ground.exposure.peers) > 2:
        strikes += [_tangle, _tangle, _star]
    if moment.sender in ground.broken:
        strikes += [_lie] * 4
    return strikes


def _before(moment: Moment) -> Seconds:
    """Just before the message is sent, so that what is cut then is cut for it."""
    return max(0.0, round(moment.time_s - _TICK_S, 6))


def _after(moment: Moment) -> Seconds:
    """Just after all that its sender sends at this moment."""
    return round(moment.time_s + _TICK_S, 6)


def _lose(_: Ground, moment: Moment, __: Seconds) -> list[Fault]:
    return [DropMessage(sender=moment.sender, receiver=moment.receiver, number=moment.number)]


def _hold(_: Ground, moment: Moment, for_s: Seconds) -> list[Fault]:
    sender, receiver = moment.sender, moment.receiver
    return [DelayMessage(sender=sender, receiver=receiver, number=moment.number, by_s=for_s)]


def _repeat(_: Ground, moment: Moment, for_s: Seconds) -> list[Fault]:
    sender, receiver = moment.sender, moment.receiver
    return [DuplicateMessage(sender=sender, receiver=receiver, number=moment.number, after_s=for_s)]


def _cut(ground: Ground, moment: Moment, for_s: Seconds) -> list[Fault]:
    """From now on some do not hear the sender."""
    others = tuple(name for name in ground.everyone if name != moment.sender)
    receivers = ground.some(others)
    return [
        OneWay(at_s=_before(moment), for_s=for_s, senders=(moment.sender,), receivers=receivers)
    ]


def _alone(ground: Ground, moment: Moment, for_s: Seconds) -> list[Fault]:
    """The sender or the receiver is alone, from now on or once this is said."""
    lonely = moment.sender if ground.chance(0.5) else moment.receiver
    at_s = _before(moment) if ground.chance(0.5) else _after(moment)
    return [alone(ground, at_s, for_s, lonely)]


def _split(ground: Ground, moment: Moment, for_s: Seconds) -> list[Fault]:
    return [Partition(at_s=_before(moment), for_s=for_s, groups=split(ground, 2))]


def _tangle(ground: Ground, moment: Moment, for_s: Seconds) -> list[Fault]:
    return tangle(ground, _before(moment), for_s)


def _star(ground: Ground, moment: Moment, for_s: Seconds) -> list[Fault]:
    """Everybody reaches the sender only."""
    middle = moment.sender if moment.sender in ground.exposure.peers else None
    return [star(ground, _before(moment), for_s, middle)]


def _crash_after(_: Ground, moment: Moment, for_s: Seconds) -> list[Fault]:
    return [Crash(at_s=_after(moment), for_s=for_s, peer=moment.sender)]


def _crash_before(_: Ground, moment: Moment, for_s: Seconds) -> list[Fault]:
    return [Crash(at_s=_before(moment), for_s=for_s, peer=moment.sender)]


def _pause(_: Ground, moment: Moment, for_s: Seconds) -> list[Fault]:
    return [Pause(at_s=_after(moment), for_s=for_s, peer=moment.sender)]


def _lie(ground: Ground, moment: Moment, _: Seconds) -> list[Fault]:
    """The sender lies about this, and perhaps once more."""
    told = lie(ground, moment.sender, (*ALTERING, *ALTERING, "withhold", "replay"))
    changes = {
        "at_s": _before(moment), "for_s": None, "types": (moment.kind,), "first": 0, "field": "",
        "count": ground.rng.choice((1, 2, None)), "share": 1.0,
    }  # fmt: skip
    return [told.model_copy(update=changes)]
