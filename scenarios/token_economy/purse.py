"""What an attack costs and what it earns, taken from the books and from nothing else.

An attacker owns accounts. Its wealth is what they hold: FTNS, stakes, and dollars at the price at
which the run opened, so that an attacker who moves the price does not count the move as gain. At
the end of each step the wealth is compared with what it was. The attacker's acts are watched one by
one too: what an act lowers the wealth by is *cost*, what it raises it by is *gain*, and so is what
others pay it between its acts. At every moment gain − cost = wealth − wealth at first.

The *return* is gain / cost − 1. The attack *breaks even* at the first step from which on gain stays
at least as large as cost.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from scenarios.token_economy.books import amount

if TYPE_CHECKING:
    from scenarios.token_economy.model import TokenEconomy

T = TypeVar("T")


class Purse:
    """The books of one attacker.

    Args:
        economy: it attacks.
        accounts: that it owns.

    Attributes:
        cost_units, gain_units: so far, FTNS.
    """

    def __init__(self, economy: "TokenEconomy", accounts: Sequence[str]) -> None:
        self._economy = economy
        self.accounts = list(accounts)
        self.cost_units = 0
        self.gain_units = 0
        self._wealth_units = self.wealth_units()
        self._net_units: list[int] = []

    def wealth_units(self) -> int:
        """What all accounts are worth now."""
        economy = self._economy
        return sum(
            economy.books.wealth_units(account, economy.opening_usd) for account in self.accounts
        )

    def watch(self, act: Callable[[], T]) -> T:
        """Do something, and book by what it changes the wealth; returns what it returned."""
        self._book()
        result = act()
        self._book()
        return result

    def own(self, account: str) -> None:
        """Own another account from now on; what it has by now is neither cost nor gain."""
        self._book()
        self.accounts.append(account)
        self._wealth_units = self.wealth_units()

    def close_step(self, step: int) -> None:
        """Book what others have paid, and remember how it stands."""
        self._book()
        self._net_units.append(self.gain_units - self.cost_units)

    def break_even_step(self) -> int | None:
        """The first step from which on it has not lost, or None: it ends with a loss."""
        first = None
        for step, net in enumerate(self._net_units, 1):
            if net < 0:
                first = None
            elif first is None:
                first = step
        return first

    def figures(self, harm_ftns: float) -> dict[str, float | int | None]:
        """What a run reports of an attack.

        Args:
            harm_ftns: what honest agents would be worth more without it.
        """
        cost, gain = amount(self.cost_units), amount(self.gain_units)
        return {
            "cost_ftns": cost,
            "gain_ftns": gain,
            "net_ftns": gain - cost,
            "return": gain / cost - 1.0 if cost else None,
            "break_even_step": self.break_even_step(),
            "harm_ftns": harm_ftns,
        }

    def _book(self) -> None:
        wealth_units = self.wealth_units()
        change = wealth_units - self._wealth_units
        if change > 0:
            self.gain_units += change
        else:
            self.cost_units -= change
        self._wealth_units = wealth_units
