"""What must hold in a research market, beyond agreement and conservation."""

from agents.pipeline.facts import QueryAnswered, QueryFailed
from economy.facts import QueryOpened, QueryRefunded, QuerySettled
from prsm_sim.actor import Fact, PeerId, Seconds
from prsm_sim.checker import Checker


class PaidQueriesEnd(Checker):
    """Every query that was paid for is answered or refunded, and no replica sees it end twice.

    A query is paid for once an honest replica has put its escrow aside. It has ended well if its
    escrow came back, or if its contributors were paid and its client received the answer.

    Args:
        honest: the replicas whose word counts.
        grace_s: a query opened less than this before the end of the run may still be open.
    """

    name = "every paid query is answered or refunded"
    facts = (QueryOpened, QuerySettled, QueryRefunded, QueryAnswered, QueryFailed)

    def __init__(self, honest: tuple[PeerId, ...], grace_s: Seconds) -> None:
        super().__init__()
        self._honest = frozenset(honest)
        self._grace_s = grace_s
        self.opened: dict[str, Seconds] = {}
        self.ended: dict[str, str] = {}
        self._ended_at: dict[tuple[PeerId, str], str] = {}
        self._heard: dict[str, str] = {}

    def observe(self, time_s: Seconds, peer: PeerId, fact: Fact) -> str | None:
        """Follow one query's life."""
        match fact:
            case QueryAnswered(query=query):
                self._heard[query] = "answered"
            case QueryFailed(query=query):
                self._heard.setdefault(query, "failed")
            case QueryOpened(query=query) if peer in self._honest:
                self.opened.setdefault(query, time_s)
            case QuerySettled(query=query) if peer in self._honest:
                return self._end(peer, query, "settled")
            case QueryRefunded(query=query) if peer in self._honest:
                return self._end(peer, query, "refunded")
        return None

    def _end(self, peer: PeerId, query: str, ending: str) -> str | None:
        self.evaluations += 1
        if query not in self.opened:
            return f"{query} was {ending} at {peer} but never opened"
        if (peer, query) in self._ended_at:
            return f"{query} was {ending} at {peer} after it was {self._ended_at[peer, query]}"
        self._ended_at[peer, query] = ending
        if self.ended.setdefault(query, ending) != ending:
            return f"{query} was {ending} at {peer} and {self.ended[query]} elsewhere"
        return None

    @property
    def still_open(self) -> int:
        """Escrows that have not ended."""
        return len(self.opened) - len(self.ended)

    def finish(self, time_s: Seconds) -> str | None:
        """Name a paid query that has neither an answer nor its money back."""
        for query, since in self.opened.items():
            if since > time_s - self._grace_s:
                continue
            self.evaluations += 1
            ending = self.ended.get(query)
            if ending is None:
                return f"{query} was paid for at {since:.3f} s and never answered or refunded"
            if ending == "settled" and query not in self._heard:
                return f"{query} was settled, and its client never heard of it"
        return None
