import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marketplace_example import ALL, RENTED_AT, busy

from economy.ledger import DAY_MS
from economy.ledger_state import encode_ledger, restore_ledger
from economy.listings import Demand
from economy.marketplace import Marketplace
from economy.marketplace_state import EncodedBooks
from economy.rentals import (
    ENDED,
    RentalState,
)
from prsm_sim.actor import RemoteProtocolError, decode, encode


class TestTime:
    @settings(max_examples=25)
    @given(st.lists(st.integers(1, 3 * DAY_MS), max_size=12))
    def test_it_makes_no_difference_how_often_one_looks(self, spans_ms):
        looked, slept = busy(), busy()
        now_ms = RENTED_AT
        for span_ms in spans_ms:
            now_ms += span_ms
            looked.advance(now_ms)
        slept.advance(now_ms)
        assert looked.encode() == slept.encode()
        assert encode_ledger(looked.ledger) == encode_ledger(slept.ledger)

    def test_in_the_end_everything_has_ended(self):
        market = busy()
        market.advance(RENTED_AT + 99 * DAY_MS)
        assert {rental.state for rental in market.rentals.values()} == set(ENDED)
        assert market.ledger.totals().held_units == 0
        assert market.parameters.retained_account not in market.ledger.balances


class TestBytes:
    def test_a_restored_marketplace_goes_on_like_the_original(self):
        market = busy()
        ledger = restore_ledger(encode_ledger(market.ledger), market.ledger.parameters)
        restored = Marketplace(ledger)
        restored.restore(market.encode())
        assert restored.encode() == market.encode()
        for each in (market, restored):
            each.rent(1, "buyer", 1, ALL, RENTED_AT + 99)
            each.advance(RENTED_AT + 99 * DAY_MS)
        assert restored.encode() == market.encode()
        assert encode_ledger(ledger) == encode_ledger(market.ledger)

    def test_no_prefix_of_the_bytes_is_a_marketplace(self):
        market = busy()
        encoded = market.encode()
        for length in range(len(encoded)):
            with pytest.raises(RemoteProtocolError):
                market.restore(encoded[:length])
        assert market.encode() == encoded

    @pytest.mark.parametrize(
        ("where", "changes", "words"),
        [
            (None, {"version": 2}, "format 2"),
            (None, {"rentals": ()}, "units are kept"),
            (None, {"listings": ()}, "does not exist"),
            (("listings", 0), {"stars": 5}, "other ratings"),
            (("listings", 3), {"ratings": 2}, "other ratings"),
            (("listings", 0), {"capacity": 0}, "beyond its capacity"),
            (("listings", 0), {"demand": Demand(0)}, "in use"),
            (("rentals", 0), {"held_units": "5"}, "not its price and fee"),
            (("rentals", 0), {"buyer": "other"}, "other terms"),
            (("rentals", 0), {"escrow_until_ms": 5}, "does not exist"),
            (("rentals", 0), {"metered": 3}, "metered"),
            (("rentals", 0), {"deadline_ms": 0}, "deadline"),
            (("rentals", 0), {"stars": 6}, "out of range"),
            (("rentals", 0), {"periods_left": -1}, "out of range"),
            (("rentals", 0), {"state": RentalState.RETAINED}, "nothing is retained"),
            (("rentals", 0), {"state": RentalState.SETTLED, "deadline_ms": 0}, "still held"),
            (("rentals", 1), {"uses_capacity": False}, "takes up no capacity"),
            (("rentals", 5), {"state": RentalState.REVIEW}, "units are retained in"),
            (("rentals", 5), {"retained_units": "1"}, "units are kept"),
        ],
    )
    def test_forged_books_are_not_restored(self, where, changes, words):
        market = busy()
        encoded = market.encode()
        books = decode(encoded, EncodedBooks)
        if where is not None:
            field, index = where
            rows = list(getattr(books, field))
            rows[index] = msgspec.structs.replace(rows[index], **changes)
            changes = {field: tuple(rows)}
        with pytest.raises(RemoteProtocolError, match=words):
            market.restore(encode(msgspec.structs.replace(books, **changes)))
        assert market.encode() == encoded

    def test_money_that_is_not_in_the_books_is_noticed(self):
        market = busy()
        market.ledger.transfer("other", "marketplace/retained", 1)
        assert "retained" in market.audit()

    def test_an_escrow_that_was_paid_behind_its_back_is_noticed(self):
        market = busy()
        rental = market.rentals[1]
        escrow = market.parameters.hold_of(1, rental.escrow_until_ms)
        assert market.ledger.post(escrow, (("other", 1),), RENTED_AT + 30) is None
        assert "rental 1: its escrow is" in market.audit()
