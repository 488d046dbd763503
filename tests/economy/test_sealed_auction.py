from hashlib import blake2b

import msgspec
import pytest
from economy_instrument import instrument
from hypothesis import given, settings
from hypothesis import strategies as st

from economy.ledger import Ledger, LedgerParameters
from economy.ledger_state import encode_ledger, restore_ledger
from economy.refusals import Refusal
from economy.sealed_auction import Opened, SealedAuctions
from economy.sealed_auction_state import (
    AuctionParameters,
    AuctionState,
    EncodedAuctions,
)
from economy.sealed_bids import Award, Bid, PriceRule, award_of, commitment_of
from prsm_sim.actor import RemoteProtocolError, decode, encode

NONCE = b"sixteen bytes ok"
FIGURES = AuctionParameters(grace_ms=50, most_bids=5)
COMMIT, REVEAL, OVER = 100, 200, 300
"""When the phases of the example begin and end."""


def new_house(funds=1_000, ledger_parameters=None):
    ledger = instrument(Ledger)(ledger_parameters)
    for bidder in ("bob", "cat", "dan"):
        assert ledger.mint(bidder, funds) is None
    return SealedAuctions(ledger, FIGURES)


def opened(rule=PriceRule.SECOND, reserve=10, deposit=5, **more):
    house = new_house(**more)
    assert house.open("ann", "a painting", rule, reserve, deposit, REVEAL, OVER, 0) == Opened(1)
    return house


def committed(bids, rule=PriceRule.SECOND, **more):
    house = opened(rule, **more)
    for bidder, amount in bids.items():
        commitment = commitment_of(1, bidder, amount, NONCE)
        assert house.commit(1, bidder, commitment, COMMIT) is None
    return house


def held(bids, rule=PriceRule.SECOND, **more):
    """An auction with all bids revealed, and settled."""
    house = committed(bids, rule, **more)
    for bidder, amount in bids.items():
        assert house.reveal(1, bidder, amount, NONCE, REVEAL) is None
    assert house.advance(OVER - 1) == ()
    assert house.advance(OVER) == (1,)
    return house


class TestAwards:
    BIDS = st.lists(st.integers(0, 12), max_size=8)

    @given(BIDS, st.sampled_from(PriceRule), st.integers(1, 12))
    def test_the_highest_wins_and_the_earliest_of_equals(self, amounts, rule, reserve):
        bids = [Bid(str(n), n, b"", amount) for n, amount in enumerate(amounts)]
        ranked = sorted(
            ((amount, -n) for n, amount in enumerate(amounts) if amount >= reserve), reverse=True
        )
        expected = None
        if ranked:
            second = max([reserve, *(amount for amount, _ in ranked[1:])])
            price = ranked[0][0] if rule is PriceRule.FIRST else second
            expected = Award(str(-ranked[0][1]), price)
        assert award_of(bids, rule, reserve) == expected

    @given(st.integers(1, 12), BIDS, st.integers(0, 12), st.integers(1, 12), st.integers(0, 7))
    def test_under_second_price_no_bid_is_better_than_the_truth(
        self, value, others, lie, reserve, place
    ):
        """Vickrey's theorem, at every place in the order of commitment."""

        def gain(bid):
            amounts = [*others[:place], bid, *others[place:]]
            bids = [Bid(str(n), n, b"", amount) for n, amount in enumerate(amounts)]
            award = award_of(bids, PriceRule.SECOND, reserve)
            won = award is not None and award.winner == str(min(place, len(others)))
            return value - award.price_units if won else 0

        assert gain(value) >= gain(lie)
        assert gain(value) >= 0


class TestCommitments:
    def test_it_is_the_hash_of_all_that_was_said(self):
        content = encode((3, "bob", "25", NONCE))
        expected = blake2b(content, digest_size=32, person=b"prsm.sealed.bid").digest()
        assert commitment_of(3, "bob", 25, NONCE) == expected
        assert commitment_of(3, "bob", 25, NONCE) != blake2b(content, digest_size=32).digest()

    def test_every_part_is_bound(self):
        base = (1, "bob", 25, NONCE)
        other = (2, "bobby", 26, NONCE + b"!")
        commitments = {
            commitment_of(*base[:place], other[place], *base[place + 1 :]) for place in range(4)
        }
        assert len(commitments | {commitment_of(*base)}) == 5

    @given(st.integers(0, 400), st.sampled_from(["bob", "cat"]), st.binary(max_size=70))
    def test_only_the_bid_that_was_sealed_opens_it(self, amount, bidder, nonce):
        house = committed({"bob": 25})
        before = house.encode()
        answer = house.reveal(1, bidder, amount, nonce, REVEAL)
        assert answer is not None or (bidder, amount, nonce) == ("bob", 25, NONCE)
        assert (house.encode() != before) == (answer is None)

    @pytest.mark.parametrize(
        ("bidder", "amount", "nonce", "refusal"),
        [
            ("bob", 24, NONCE, Refusal.COMMITMENT_MISMATCH),
            ("bob", 25, NONCE + b"!", Refusal.COMMITMENT_MISMATCH),
            ("cat", 25, NONCE, Refusal.COMMITMENT_MISMATCH),
            ("dan", 25, NONCE, Refusal.NO_COMMITMENT),
            ("bob", 25, NONCE[:15], Refusal.OUT_OF_RANGE),
            ("bob", 25, b"x" * 65, Refusal.OUT_OF_RANGE),
            ("bob", 0, NONCE, Refusal.INVALID_AMOUNT),
            ("bob", -25, NONCE, Refusal.INVALID_AMOUNT),
        ],
    )
    def test_what_does_not_fit_is_refused(self, bidder, amount, nonce, refusal):
        house = committed({"bob": 25})
        # Whoever copies a commitment cannot open it.
        house.commit(1, "cat", commitment_of(1, "bob", 25, NONCE), COMMIT)
        assert house.reveal(1, bidder, amount, nonce, REVEAL) is refusal

    def test_a_commitment_is_for_one_auction(self):
        house = committed({"bob": 25})
        house.open("ann", "another", PriceRule.FIRST, 1, 1, REVEAL, OVER, COMMIT)
        house.commit(2, "bob", commitment_of(1, "bob", 25, NONCE), COMMIT)
        assert house.reveal(2, "bob", 25, NONCE, REVEAL) is Refusal.COMMITMENT_MISMATCH


class TestSales:
    @pytest.mark.parametrize(
        ("rule", "bids", "winner", "price"),
        [
            (PriceRule.FIRST, {"bob": 30, "cat": 40, "dan": 20}, "cat", 40),
            (PriceRule.SECOND, {"bob": 30, "cat": 40, "dan": 20}, "cat", 30),
            (PriceRule.SECOND, {"bob": 40, "cat": 40}, "bob", 40),
            (PriceRule.SECOND, {"cat": 40, "bob": 40}, "cat", 40),
            (PriceRule.SECOND, {"cat": 40, "bob": 9}, "cat", 10),
            (PriceRule.SECOND, {"bob": 10}, "bob", 10),
        ],
    )
    def test_the_winner_pays_and_the_others_get_all_back(self, rule, bids, winner, price):
        house = held(bids, rule)
        assert house.auctions[1].award == Award(winner, price)
        assert house.auctions[1].state is AuctionState.SOLD
        expected = dict.fromkeys(("bob", "cat", "dan"), 1_000)
        expected |= {winner: 1_000 - price, "ann": price}
        assert house.ledger.balances == expected
        assert house.audit() is None

    @pytest.mark.parametrize("bids", [{}, {"bob": 9}, {"bob": 9, "cat": 1}])
    def test_below_the_reserve_nothing_is_sold(self, bids):
        house = held(bids)
        assert house.auctions[1].state is AuctionState.UNSOLD
        assert house.ledger.balances == dict.fromkeys(("bob", "cat", "dan"), 1_000)

    def test_a_bid_that_is_not_revealed_loses_the_deposit_but_not_to_the_seller(self):
        house = committed({"bob": 30, "cat": 40})
        assert house.reveal(1, "bob", 30, NONCE, REVEAL) is None
        house.advance(OVER)
        assert house.auctions[1].award == Award("bob", 10)
        assert house.ledger.balances == {
            "bob": 990,
            "cat": 995,
            "dan": 1_000,
            "ann": 10,
            "treasury": 5,
        }

    def test_a_bid_must_be_paid_up(self):
        house = committed({"bob": 996})
        assert house.reveal(1, "bob", 996, NONCE, REVEAL) is Refusal.INSUFFICIENT_FUNDS
        house.ledger.transfer("cat", "bob", 1)
        assert house.reveal(1, "bob", 996, NONCE, REVEAL) is None

    def test_a_bid_that_cannot_win_need_not_be_paid_up(self):
        house = committed({"bob": 9}, funds=5)
        assert house.reveal(1, "bob", 9, NONCE, REVEAL) is None
        house.advance(OVER)
        assert house.ledger.balances["bob"] == 5

    def test_deposits_tell_nothing_about_the_bids(self):
        house = committed({"bob": 30, "cat": 900})
        assert house.ledger.balances["bob"] == house.ledger.balances["cat"] == 995

    def test_a_seller_who_cannot_be_paid_sells_nothing(self):
        house = committed({"bob": 30})
        house.reveal(1, "bob", 30, NONCE, REVEAL)
        house.ledger.close("ann")
        before = house.encode()
        assert house.advance(OVER) == ()
        assert house.encode() == before
        house.ledger.expire(OVER + 50)
        assert house.advance(OVER + 50) == (1,)
        assert house.auctions[1].state is AuctionState.LAPSED
        assert house.ledger.balances["bob"] == 1_000

    def test_what_nobody_settled_returns_deposits_included(self):
        house = committed({"bob": 30, "cat": 40})
        house.reveal(1, "bob", 30, NONCE, REVEAL)
        house.ledger.expire(OVER + 50)
        assert house.audit() is None
        assert house.advance(OVER + 50) == (1,)
        assert house.auctions[1].state is AuctionState.LAPSED
        assert house.ledger.balances == dict.fromkeys(("bob", "cat", "dan"), 1_000)

    def test_it_runs_on_a_ledger_that_forgets(self):
        house = committed({"bob": 30}, ledger_parameters=LedgerParameters(hold_retention_ms=10))
        house.ledger.expire(OVER + 1_000)
        assert not house.ledger.book.holds
        assert house.audit() is None
        assert house.advance(OVER + 1_000) == (1,)
        assert house.auctions[1].state is AuctionState.LAPSED

    def test_auctions_are_settled_in_the_order_of_their_ends(self):
        house = opened()
        house.open("ann", "x", PriceRule.FIRST, 1, 1, 50, 90, 0)
        house.open("ann", "x", PriceRule.FIRST, 1, 1, 50, OVER, 0)
        assert house.advance(9_999) == (2, 1, 3)
        assert house.advance(9_999) == ()


class TestPhases:
    def test_openings(self):
        house = new_house()
        most = house.ledger.parameters.max_hold_ms - FIGURES.grace_ms
        cap = house.ledger.parameters.cap_units

        def open_one(reserve=1, deposit=1, commit_until=REVEAL, reveal_until=OVER):
            rule = PriceRule.FIRST
            return house.open("ann", "x", rule, reserve, deposit, commit_until, reveal_until, 0)

        assert open_one(reserve=0) is Refusal.INVALID_AMOUNT
        assert open_one(deposit=0) is Refusal.INVALID_AMOUNT
        assert open_one(reserve=cap + 1) is Refusal.OUT_OF_RANGE
        assert open_one(deposit=cap + 1) is Refusal.OUT_OF_RANGE
        assert open_one(commit_until=0) is Refusal.EXPIRY_PAST
        assert open_one(reveal_until=REVEAL) is Refusal.EXPIRY_PAST
        assert open_one(reveal_until=most + 1) is Refusal.EXPIRY_TOO_FAR
        assert not house.auctions
        assert open_one(reveal_until=most) == Opened(1)

    def test_commitments(self):
        house = opened()
        commitment = commitment_of(1, "bob", 30, NONCE)
        assert house.commit(2, "bob", commitment, COMMIT) is Refusal.UNKNOWN_AUCTION
        assert house.commit(1, "ann", commitment, COMMIT) is Refusal.SAME_ACCOUNT
        assert house.commit(1, "bob", b"short", COMMIT) is Refusal.OUT_OF_RANGE
        assert house.commit(1, "poor", commitment, COMMIT) is Refusal.INSUFFICIENT_FUNDS
        assert house.commit(1, "bob", commitment, REVEAL) is Refusal.TOO_LATE
        assert house.commit(1, "bob", commitment, REVEAL - 1) is None
        assert house.commit(1, "bob", commitment, REVEAL - 1) is Refusal.ALREADY_COMMITTED
        house.advance(OVER)
        assert house.commit(1, "cat", commitment, COMMIT) is Refusal.WRONG_STATE

    def test_there_is_room_for_so_many(self):
        house = opened()
        for number in range(5):
            house.ledger.mint(f"b{number}", 5)
            assert house.commit(1, f"b{number}", b"?" * 32, COMMIT) is None
        assert house.commit(1, "bob", b"?" * 32, COMMIT) is Refusal.NO_CAPACITY

    def test_revelations(self):
        house = committed({"bob": 30, "cat": 20})
        assert house.reveal(1, "bob", 30, NONCE, REVEAL - 1) is Refusal.TOO_EARLY
        assert house.reveal(1, "bob", 30, NONCE, OVER) is Refusal.TOO_LATE
        assert house.reveal(1, "bob", 30, NONCE, OVER - 1) is None
        assert house.reveal(1, "bob", 30, NONCE, OVER - 1) is Refusal.WRONG_STATE
        assert house.reveal(2, "bob", 30, NONCE, REVEAL) is Refusal.UNKNOWN_AUCTION
        house.advance(OVER)
        assert house.reveal(1, "cat", 20, NONCE, REVEAL) is Refusal.WRONG_STATE


def busy():
    """One auction sold, one to be revealed, and one that takes commitments."""
    house = held({"bob": 30, "cat": 40})
    for number, ends in ((2, (350, 450)), (3, (420, 500))):
        assert house.open("ann", "x", PriceRule.FIRST, 10, 5, *ends, OVER) == Opened(number)
        for bidder, amount in (("cat", 9), ("bob", 50), ("dan", 60)):
            commitment = commitment_of(number, bidder, amount, NONCE)
            assert house.commit(number, bidder, commitment, OVER) is None
    for bidder, amount in (("cat", 9), ("bob", 50)):
        assert house.reveal(2, bidder, amount, NONCE, 400) is None
    return house


class TestBytes:
    def test_a_restored_house_goes_on_like_the_original(self):
        house = busy()
        ledger = restore_ledger(encode_ledger(house.ledger), house.ledger.parameters)
        restored = SealedAuctions(ledger, FIGURES)
        restored.restore(house.encode())
        for each in (house, restored):
            assert each.reveal(2, "dan", 60, NONCE, 440) is None
            assert each.advance(600) == (2, 3)
        assert restored.encode() == house.encode()
        assert encode_ledger(ledger) == encode_ledger(house.ledger)
        assert house.auctions[2].award == Award("dan", 60)

    @settings(max_examples=20)
    @given(st.data())
    def test_no_prefix_of_the_bytes_is_a_house(self, data):
        house = busy()
        encoded = house.encode()
        with pytest.raises(RemoteProtocolError):
            house.restore(encoded[: data.draw(st.integers(0, len(encoded) - 1))])
        assert house.encode() == encoded

    @pytest.mark.parametrize(
        ("number", "changes", "words"),
        [
            (None, {"version": 2}, "format 2"),
            (1, {"award": ("bob", "40")}, "due is"),
            (1, {"award": ("cat", "40")}, "due is"),
            (1, {"award": None}, "due is"),
            (1, {"state": AuctionState.UNSOLD}, "due is"),
            (1, {"state": AuctionState.OPEN, "award": None}, "still needs"),
            (2, {"award": ("bob", "10")}, "due is"),
            (2, {"state": AuctionState.SOLD, "award": ("bob", "50")}, "does not fit"),
            (2, {"reserve_units": "0"}, "no reserve"),
            (2, {"deposit_units": "4"}, "other terms"),
            (2, {"reveal_until_ms": 350}, "no time to reveal"),
            (2, {"reveal_until_ms": 451}, "there is no deposit"),
        ],
    )
    def test_forged_books_are_not_restored(self, number, changes, words):
        house = busy()
        encoded = house.encode()
        books = decode(encoded, EncodedAuctions)
        if number is not None:
            rows = list(books.auctions)
            rows[number - 1] = msgspec.structs.replace(rows[number - 1], **changes)
            changes = {"auctions": tuple(rows)}
        with pytest.raises(RemoteProtocolError, match=words):
            house.restore(encode(msgspec.structs.replace(books, **changes)))
        assert house.encode() == encoded

    @pytest.mark.parametrize(
        ("forge", "words"),
        [
            (lambda bids: (bids[0], (*bids[1][:2], "49"), bids[2]), "other terms"),
            (lambda bids: (bids[0], bids[1], (*bids[2][:2], "11")), "there is no payment"),
            (lambda bids: (bids[1], bids[0], bids[2]), "other terms"),
            (lambda bids: (bids[0], bids[0], bids[2]), "out of order"),
            (lambda bids: ((bids[0][0], b"short", "9"), *bids[1:]), "no possible bid"),
        ],
    )
    def test_forged_bids_are_not_restored(self, forge, words):
        house = busy()
        books = decode(house.encode(), EncodedAuctions)
        rows = list(books.auctions)
        rows[1] = msgspec.structs.replace(rows[1], bids=forge(rows[1].bids))
        with pytest.raises(RemoteProtocolError, match=words):
            house.restore(encode(msgspec.structs.replace(books, auctions=tuple(rows))))
