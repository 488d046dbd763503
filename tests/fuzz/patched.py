"""Something to patch."""


def double(number: int) -> int:
    """Twice."""
    return 2 * number


class Shop:
    """Sells."""

    @property
    def fee(self) -> int:
        """Always the same."""
        return 10

    def price(self, count: int) -> int:
        """With the fee."""
        return double(count) + self.fee
