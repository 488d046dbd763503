"""An agent: someone with a clock and a random stream, who hands dated orders in at the bank.

An agent knows neither its own balance nor anybody else's, so nothing that happens at the bank could
change what it is going to do; it may as well write it down beforehand. When the bank opens its book
for the next few steps, each agent draws when its clock will ring in them and whom it will meet
then, and sends that as one letter. The bank carries the orders out one by one at their dates. The
process is the same for however many steps a letter is (tests compare it with theory for several
numbers); a letter for many costs hardly more than a letter for one.

The clocks:

- ``async``: rings are a Poisson process of rate 1. In a span of ``s`` steps there are Poisson(s)
  of them, found by inversion from 64 random bits, and given their number each is uniform in the
  span (Kingman, *Poisson Processes*, 1993, section 2.4).
- ``sync``: one ring a step, at its beginning.
- ``shuffled``: one ring a step, at a uniform moment, so that every order of the agents is equally
  probable.

A moment, and a choice among the others, take 32 random bits each: two rings coincide, or one
partner is preferred to another, by a part in four billion times the number of agents.
"""

from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal, localcontext
from functools import lru_cache
from struct import Struct

from prsm_sim.actor import Actor, Context, Message, PeerId, on
from prsm_sim.actor.context import Random
from scenarios.kinetic_exchange.book import Orders
from scenarios.kinetic_exchange.rules import DRAW_BITS, Clock

AHEAD = 16
"""For so many steps a letter is, by default."""
WORD_BITS = 32
_TO_UNIT = 2.0**-WORD_BITS
_BLOCK_WORDS = 16
"""The words of 64 bytes, which a stream draws at once."""
_RING_WORDS, _RING_BITS = 2, 64
_DRAW_WORDS = 2
_HIGH_MASK = (1 << DRAW_BITS - WORD_BITS) - 1
Words = tuple[int, ...]


class Open(Message, frozen=True):
    """The book is open for orders from the beginning of step `first` on."""

    first: int


class Agent(Actor):
    """Someone with a clock.

    Args:
        number: which of the agents it is.
        names: of all agents.
        bank: to whom it writes.
        clock: when it acts.
        draws: whether its meetings need a draw.
        ahead: for how many steps a letter is.
    """

    def __init__(
        self, number: int, names: Sequence[PeerId], bank: PeerId, clock: Clock, draws: bool,
        ahead: int,
    ) -> None:  # fmt: skip
        self.names = names
        self.bank = bank
        self.clock = clock
        self.draws = draws
        self.ahead = ahead
        self.act_words = (1 if clock == "sync" else 2) + _DRAW_WORDS * draws
        self.words = ahead * self.act_words + _RING_WORDS * (clock == "async")
        """So many are usually enough for a letter."""
        self.after_me = number + 1 - len(names)
        """Where in `names` the next agent is, counted from the end if negative: the others follow
        from there on, up to the one before this."""

    @on(Open)
    def write(self, ctx: Context, sender: PeerId, message: Open) -> None:
        """Hand in the orders of the steps that the book has been opened for."""
        first, acts, rest = message.first, self.ahead, words_of(ctx.rng, self.words)
        if self.clock == "shuffled":
            dates = [step + word * _TO_UNIT for step, word in enumerate(rest[:acts], first)]
            rest = rest[acts:]
        elif self.clock == "sync":
            dates = list(map(float, range(first, first + acts)))
        else:
            acts, rest = self._rings(ctx.rng, rest)
            scale = self.ahead * _TO_UNIT
            dates = [first + word * scale for word in rest[:acts]]
            rest = rest[acts:]
        names, after_me, count = self.names, self.after_me, len(self.names) - 1
        others = [names[after_me + (word * count >> WORD_BITS)] for word in rest[:acts]]
        draws = _draws(rest[acts : 3 * acts]) if self.draws else ()
        ctx.send(self.bank, Orders(tuple(dates), tuple(others), draws))

    def _rings(self, rng: Random, words: Words) -> tuple[int, Words]:
        """How often the Poisson clock rings, and enough words for that."""
        acts = rings(self.ahead, words[0] | words[1] << WORD_BITS)
        rest = words[_RING_WORDS:]
        missing = acts * self.act_words - len(rest)
        return acts, rest + words_of(rng, missing) if missing > 0 else rest


def words_of(rng: Random, count: int) -> Words:
    """At least so many words of random bits."""
    blocks = -(-count // _BLOCK_WORDS)
    form = _form(blocks)
    return form.unpack(rng.randbytes(form.size))


def rings(span_steps: int, word: int) -> int:
    """How often a Poisson clock of rate 1 rings in a span, by inversion of 64 random bits."""
    return bisect_right(_chances(span_steps), word)


def _draws(words: Words) -> Words:
    """A draw for the rule of every two words."""
    pairs = zip(words[::2], words[1::2], strict=True)
    return tuple([low | (high & _HIGH_MASK) << WORD_BITS for low, high in pairs])


@lru_cache(maxsize=64)
def _form(blocks: int) -> Struct:
    return Struct(f"<{_BLOCK_WORDS * blocks}I")


@lru_cache(maxsize=16)
def _chances(span_steps: int) -> tuple[int, ...]:
    """The probability of at most 0, 1, 2, … rings, in units of 2⁻⁶⁴ and rounded down.

    In decimals of 40 digits, whose exponential is correctly rounded and the same on any machine.
    """
    chances: list[int] = []
    with localcontext() as context:
        context.prec = 40
        term = total = Decimal(-span_steps).exp()
        while not chances or chances[-1] < 2**_RING_BITS - 1:
            chances.append(int(total * 2**_RING_BITS))
            term = term * span_steps / len(chances)
            total += term
    return tuple(chances)
