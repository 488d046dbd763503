"""How Byzantine behaviour is drawn.

A lie is a behaviour, the messages it concerns, and to whom it is told. Most bugs need one wrong
message at the right moment (Winter et al., "Randomized testing of Byzantine fault tolerant
algorithms", OOPSLA 2023), a few need a liar that never stops. Rare messages, which decide how a
protocol recovers, are as likely to be singled out as the many of undisturbed operation.
"""

from prsm_sim.actor.types import PeerId
from prsm_sim.faults import Byzantine
from prsm_sim.faults.byzantine import Behaviour, Change
from prsm_sim.fuzz.ground import Ground

BEHAVIOURS: tuple[Behaviour, ...] = (
    "withhold", "delay", "replay", "mutate", "mutate", "equivocate", "equivocate", "contradict",
    "forge", "twin", "adaptive", "ignore", "ignore",
)  # fmt: skip
ALTERING: tuple[Behaviour, ...] = ("mutate", "equivocate", "contradict")
CHANGES: tuple[Change, ...] = ("increment", "decrement", "other", "old", *("any",) * 6)
_COUNTS = (1, 1, 2, 4, None, None, None, None)


def lie(ground: Ground, peer: PeerId, behaviours: tuple[Behaviour, ...] = BEHAVIOURS) -> Byzantine:
    """One Byzantine behaviour of `peer`, drawn from `behaviours`."""
    rng = ground.rng
    behaviour = rng.choice(behaviours)
    others = tuple(name for name in ground.everyone if name != peer)
    accomplices = tuple(name for name in ground.broken if name != peer)
    if behaviour == "twin":
        side = ground.some(others)
        return Byzantine(peer=peer, behaviour=behaviour, receivers=side, accomplices=accomplices)
    kind = _kind(ground, behaviour)
    fields = ground.types[kind] if kind and behaviour in ALTERING and ground.chance(0.3) else ()
    count = rng.choice(_COUNTS)
    at_s, for_s = ground.window_s(1.0) if ground.chance(0.2) else (0.0, None)
    return Byzantine(
        peer=peer,
        behaviour=behaviour,
        at_s=at_s,
        for_s=for_s,
        types=(kind,) if kind else (),
        receivers=ground.some(others) if behaviour != "ignore" and ground.chance(0.4) else (),
        first=0 if count is None or ground.chance(0.5) else max(0, ground.number()),
        count=count,
        share=rng.choice(
            (0.05, 0.1, 0.3, 1.0) if behaviour == "ignore" or not kind else (0.3, 1.0, 1.0)
        ),
        field=rng.choice(fields) if fields else "",
        change=rng.choice(CHANGES),
        by_s=ground.span_s(),
        accomplices=accomplices,
    )


def _kind(ground: Ground, behaviour: Behaviour) -> str:
    """The message type that a lie is about; empty: it is about all of them."""
    if behaviour == "ignore" and ground.census.asked and ground.chance(0.5):
        return ground.rng.choice(ground.census.asked)
    about = ground.rng.random()
    if about < 0.35 or not ground.types:
        return ""
    return ground.rng.choice(ground.rare if about < 0.65 and ground.rare else tuple(ground.types))


def habit(ground: Ground, peer: PeerId) -> Byzantine:
    """Lies now and then about whatever there is to say, to everybody or to one half."""
    return Byzantine(
        peer=peer,
        behaviour=ground.rng.choice(ALTERING),
        share=ground.rng.choice((0.1, 0.3, 1.0)),
        accomplices=tuple(name for name in ground.broken if name != peer),
    )


def silence(ground: Ground, peer: PeerId) -> Byzantine:
    """From some moment on says nothing more: what it has started, others must finish."""
    at_s, _ = ground.window_s()
    return Byzantine(peer=peer, behaviour="withhold", at_s=at_s)


def deafness(ground: Ground, peer: PeerId) -> Byzantine:
    """Never hears some of what is asked from outside, or nothing of one who asks, whoever passes it
    on: somebody is to be starved."""
    victims = ground.exposure.bystanders if ground.chance(0.7) else ()
    return Byzantine(
        peer=peer,
        behaviour="ignore",
        types=(ground.rng.choice(ground.census.asked),),
        receivers=(ground.rng.choice(victims),) if victims else (),
        share=1.0 if victims else ground.rng.choice((0.1, 0.3, 1.0)),
    )


def lies(ground: Ground, most: int = 3) -> list[Byzantine]:
    """Some lies of each of those who may be broken for good; some of them are habitual liars, some
    are deaf, and some fall silent."""
    told: list[Byzantine] = []
    for liar in ground.broken:
        if ground.chance(0.4):
            told.append(habit(ground, liar))
        if ground.chance(0.15):
            told.append(silence(ground, liar))
        if ground.census.asked and ground.chance(0.1):
            told.append(deafness(ground, liar))
        told += [lie(ground, liar) for _ in range(ground.rng.randint(0 if told else 1, most))]
    return told
