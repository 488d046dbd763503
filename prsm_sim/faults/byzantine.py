"""Byzantine faults: a peer that says what it should not, as one flat value a person can write.

The wrappers of `prsm_sim.treachery` act it out around the honest actor.
"""

from typing import Annotated, Literal

from pydantic import Field

from prsm_sim.faults.base import BaseFault, Span

Behaviour = Literal[
    "withhold",
    "delay",
    "replay",
    "mutate",
    "equivocate",
    "contradict",
    "forge",
    "twin",
    "adaptive",
    "ignore",
]
Sides = tuple[tuple[str, ...], tuple[str, ...]]
"""Whom the first and whom the second instance of a twin reaches, by name."""
Change = Literal["increment", "decrement", "other", "old", "any"]


class Byzantine(BaseFault):
    """One peer misbehaves from `at_s` on, for `for_s` or to the end.

    Attributes:
        peer: who.
        behaviour: ``withhold`` keeps messages back (all of them, or those to `receivers`: selective
            sending); ``delay`` sends them `by_s` later; ``replay`` sends an old message of the same
            type as well; ``mutate`` changes a typed field; ``equivocate`` changes it for half of
            the receivers only; ``contradict`` tells the same receiver both, in drawn order;
            ``forge`` puts another's name where the message names the peer (or anyone, if not);
            ``twin`` runs a second instance of the actor under the same name, which talks to
            `receivers` while the first talks to the others; ``adaptive`` withholds what goes to the
            peer that it hears most of, and is deaf to it; ``ignore`` does not hear `share` of all
            contents of `types`, from anybody (of `receivers`: only what they say, whoever passes
            it on).
        types: names of the message types concerned; empty: all.
        receivers: receivers concerned; empty: all (``equivocate`` and ``twin``: every second one).
        first: of the messages concerned, the number of the first that is struck, from 0.
        count: how many are struck from there on; None: all.
        share: share of these that is really struck, drawn from the seed.
        field: the field changed by ``mutate``, ``equivocate`` and ``contradict``; empty: drawn for
            each message.
        change: how: integers by ±1; ``other`` puts in another value seen in such a field; ``old``
            one this peer sent before; ``any`` draws.
        accomplices: other Byzantine peers, which hear the truth and tell the same lies.
        rounds: ``twin`` only: whom each instance reaches, for spans of `round_s` from `at_s` on;
            nobody else, and the second nobody after the last. Another twin's second instance has a
            ``'`` behind its name. Empty: the sides are told by `receivers`.
        round_s: length of a round.
    """

    kind: Literal["byzantine"] = "byzantine"
    peer: str
    behaviour: Behaviour
    at_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    for_s: Span | None = None
    types: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()
    first: int = Field(default=0, ge=0)
    count: int | None = Field(default=None, gt=0)
    share: float = Field(default=1.0, gt=0, le=1)
    field: str = ""
    change: Change = "any"
    by_s: Span = 1.0
    accomplices: tuple[str, ...] = ()
    rounds: tuple[Sides, ...] = ()
    round_s: Span = 1.0

    @property
    def distrusted(self) -> str | None:
        """Nobody answers for a liar."""
        return self.peer
