"""Oracles of what peers decide: integrity, validity and certificates.

Agreement and order (`prsm_sim.checker`) hold of a protocol that decides nonsense, as long as all
decide the same. These say that decisions have to do with what was asked (Cachin, Guerraoui and
Rodrigues 2011, sections 2.4 and 5.2). They know no protocol: accessors say what a fact decides, and
a peer that is not trusted is not heard.
"""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from prsm_sim.actor.types import Fact, PeerId, Seconds
from prsm_sim.checker import Checker, everyone

D = TypeVar("D", bound=Fact)
A = TypeVar("A", bound=Fact)
R = TypeVar("R", bound=Fact)
Key = Callable[[Any], Hashable | None]


class Integrity(Checker):
    """Nothing is decided that nobody asked for, and no peer applies an operation twice.

    A peer that was restarted may apply its log again, so an operation may be seen again in the slot
    it has; not in another one, and not twice at the same instant.

    Args:
        decided: the type of fact by which a peer applies an operation.
        operation: which operation a fact applies, such as (client, number); None: none.
        slot: where it applies it, such as the sequence number.
        asked: the type of fact by which an operation is asked for, and the operation; None: what
            was asked for is not judged.
        author: who must have asked, read from the deciding fact; if that peer is not trusted it may
            have asked without saying so.
        trusted: whether a peer's word counts.
        name: how the verdict is called.
    """

    def __init__(
        self,
        decided: type[D],
        operation: Callable[[D], Hashable | None],
        slot: Callable[[D], Hashable],
        asked: tuple[type[A], Callable[[A], Hashable | None]] | None = None,
        *,
        author: Callable[[D], PeerId] | None = None,
        trusted: Callable[[PeerId], bool] = everyone,
        name: str = "integrity",
    ) -> None:
        super().__init__()
        self.name = name
        self._asked_type: type[Fact] | None = None
        self.facts = (decided,)
        if asked is not None:
            self._asked_type, self._asked_key = asked[0], _key(asked[1])
            self.facts = (decided, asked[0])
        self._operation = _key(operation)
        self._slot: Callable[[Any], Hashable] = slot
        self._author: Callable[[Any], PeerId] | None = author
        self._trusted = trusted
        self._asked: set[Hashable] = set()
        self._applied: dict[tuple[PeerId, Hashable], tuple[Hashable, Seconds]] = {}

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Judge one decision, or remember that something was asked for."""
        if type(fact) is self._asked_type:
            self._asked.add(self._asked_key(fact))
            return None
        operation = self._operation(fact) if self._trusted(peer) else None
        if operation is None:
            return None
        self.evaluations += 1
        if not self._was_asked(operation, fact):
            return f"{peer} applied {operation!r}, which nobody had asked for"
        slot = self._slot(fact)
        first = self._applied.get((peer, operation))
        self._applied[peer, operation] = (slot, time_s)
        if first is None:
            return None
        if first[0] != slot:
            return f"{peer} applied {operation!r} in slot {slot!r} after slot {first[0]!r}"
        if first[1] == time_s:
            return f"{peer} applied {operation!r} twice in slot {slot!r}"
        return None

    def _was_asked(self, operation: Hashable, fact: Fact) -> bool:
        """Whether it was, as far as can be known: an untrusted author need not have said so."""
        if self._asked_type is None or operation in self._asked:
            return True
        return self._author is not None and not self._trusted(self._author(fact))


class Validity(Checker):
    """What a client is told comes from a correct peer, and answers what that client asked for.

    Args:
        asked: the type of fact by which a client asks, and the key of what it asks for.
        decided: the type of fact by which a peer applies an operation, and its key; None: none.
        returned: the type of fact by which a client is told a result, and its key.
        results: the result that a deciding and a returning fact carry; a client must have been told
            one that a trusted peer computed. None: decisions carry no result, so it is judged only
            that some trusted peer had applied the operation.
        undecided: keys of what need not be decided to be answered, such as reads of one peer, read
            from the asking fact.
        trusted: whether the word of a peer or client counts.
        name: how the verdict is called.
    """

    def __init__(
        self,
        asked: tuple[type[A], Callable[[A], Hashable]],
        decided: tuple[type[D], Callable[[D], Hashable | None]],
        returned: tuple[type[R], Callable[[R], Hashable]],
        *,
        results: tuple[Callable[[D], Hashable], Callable[[R], Hashable]] | None = None,
        undecided: Callable[[A], bool] = lambda _: False,
        trusted: Callable[[PeerId], bool] = everyone,
        name: str = "validity",
    ) -> None:
        super().__init__()
        self.name = name
        self.facts = (asked[0], decided[0], returned[0])
        self._asked_type, self._decided_type, _ = self.facts
        self._asked_key, self._decided_key = _key(asked[1]), _key(decided[1])
        self._returned_key = _key(returned[1])
        self._result: Callable[[Any], Hashable] | None = None
        if results is not None:
            self._result, self._told = results[0], _key(results[1])
        self._undecided: Callable[[Any], bool] = undecided
        self._trusted = trusted
        self._asked: dict[Hashable, tuple[PeerId, bool]] = {}
        self._computed: dict[Hashable, set[Hashable]] = {}

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Judge one answer, or remember what it can be judged by."""
        if not self._trusted(peer):
            return None
        fact_type = type(fact)
        if fact_type is self._asked_type:
            self._asked.setdefault(self._asked_key(fact), (peer, self._undecided(fact)))
            return None
        if fact_type is self._decided_type:
            key = self._decided_key(fact)
            if key is not None:
                result = None if self._result is None else self._result(fact)
                self._computed.setdefault(key, set()).add(result)
            return None
        return self._judge(peer, fact)

    def _judge(self, peer: PeerId, fact: Fact) -> str | None:
        key = self._returned_key(fact)
        self.evaluations += 1
        client, undecided = self._asked.get(key, ("", False))
        if client != peer:
            return f"{peer} was told the result of {key!r}, which it had not asked for"
        if undecided:
            return None
        computed = self._computed.get(key)
        if computed is None:
            return f"{peer} was told the result of {key!r}, which no correct peer had applied"
        if self._result is not None and self._told(fact) not in computed:
            return (
                f"{peer} was told {self._told(fact)!r} of {key!r}, which no correct peer computed"
            )
        return None


class Certificates(Checker):
    """Every fact of a type carries a proof that holds.

    Args:
        fact: the type of fact.
        verify: judges the proof that a fact carries, by itself; returns what is wrong, or None.
        trusted: whether a peer counts.
        name: how the verdict is called.
    """

    def __init__(
        self,
        fact: type[D],
        verify: Callable[[D], str | None],
        *,
        trusted: Callable[[PeerId], bool] = everyone,
        name: str = "certificates",
    ) -> None:
        super().__init__()
        self.name = name
        self.facts = (fact,)
        self._verify: Callable[[Any], str | None] = verify
        self._trusted = trusted

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Verify one proof."""
        if not self._trusted(peer):
            return None
        self.evaluations += 1
        wrong = self._verify(fact)
        return (
            None if wrong is None else f"{peer} tells {type(fact).__name__} without proof: {wrong}"
        )


def _key(accessor: Callable[[Any], Hashable | None]) -> Key:
    """An accessor of one type of fact, to be called with facts that are known to be of it."""
    return accessor
