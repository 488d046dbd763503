"""What one can show to someone who knows only a digest."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from economy import state_tree
from economy.ledger import Ledger, LedgerParameters
from economy.ledger_digest import BalanceProof, LedgerDigest
from economy.state_tree import PathProof, StateTree
from prsm_sim.actor import decode, encode

PAIRS = st.dictionaries(st.binary(max_size=2), st.binary(max_size=2), max_size=8)
KEYS = st.binary(max_size=2)


def tree_of(pairs):
    tree = StateTree()
    for key, value in pairs.items():
        tree.put(key, value)
    return tree


@pytest.fixture(scope="class", params=["spread", "crowded"])
def _buckets(request):
    """Run both with the real buckets and with few of them, where keys share one."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "crowded":
            patch.setattr(state_tree, "_bucket_of", lambda key: 1057 + len(key) % 2)
        yield


@pytest.mark.usefixtures("_buckets")
class TestPath:
    @given(PAIRS, KEYS)
    def test_a_key_has_what_the_tree_has(self, pairs, key):
        tree = tree_of(pairs)
        proof = tree.prove(key)
        assert proof.root(key) == tree.root()
        assert proof.value_of(key) == pairs.get(key)

    @given(PAIRS, KEYS, KEYS, st.binary(max_size=2))
    def test_another_tree_has_another_root(self, pairs, asked, key, value):
        before = tree_of(pairs)
        after = tree_of({**pairs, key: value})
        same = pairs.get(key) == value
        assert (after.prove(asked).root(asked) == before.root()) == same

    @given(PAIRS, KEYS, st.none() | st.binary(max_size=2))
    def test_a_forged_bucket_does_not_lead_to_the_root(self, pairs, key, value):
        tree = tree_of(pairs)
        proof = tree.prove(key)
        bucket = dict(proof.pairs)
        bucket.pop(key, None)
        if value is not None:
            bucket[key] = value
        forged = PathProof(tuple(sorted(bucket.items())), proof.siblings)
        assert (forged.root(key) == tree.root()) == (pairs.get(key) == value)


class TestNotAProof:
    @pytest.fixture
    def tree(self):
        return tree_of({b"%d" % number: b"v" for number in range(300)})

    def test_every_hash_has_its_place(self, tree):
        proof = tree.prove(b"7")
        assert proof.root(b"7") == tree.root()
        for level in range(state_tree.LEVELS):
            for place in range(state_tree.FAN_OUT - 1):
                siblings = list(map(list, proof.siblings))
                siblings[level][place] = bytes(32)
                forged = PathProof(proof.pairs, tuple(map(tuple, siblings)))
                assert forged.root(b"7") not in {None, tree.root()}

    def test_hashes_of_other_lengths_are_none_even_if_joined_they_are_the_same(self, tree):
        proof = tree.prove(b"7")
        for level in range(state_tree.LEVELS):
            siblings = list(proof.siblings)
            first, second, *others = siblings[level]
            siblings[level] = (first + second[:1], second[1:], *others)
            assert b"".join(siblings[level]) == b"".join(proof.siblings[level])
            assert PathProof(proof.pairs, tuple(siblings)).root(b"7") is None

    def test_what_is_not_shaped_like_one_has_no_root(self, tree):
        proof = tree.prove(b"7")
        short = tuple(siblings[:-1] for siblings in proof.siblings)
        twice = (*proof.pairs, *proof.pairs)
        for pairs, siblings in (
            (proof.pairs, proof.siblings[:-1]),
            (proof.pairs, (*proof.siblings, proof.siblings[0])),
            (proof.pairs, short),
            (twice, proof.siblings),
        ):
            assert PathProof(pairs, siblings).root(b"7") is None


class TestBalance:
    @pytest.fixture
    def digest(self):
        ledger = Ledger(LedgerParameters(history_ms=100))
        for number in range(200):
            ledger.mint(f"account-{number}", number + 1)
        ledger.hold("h", "account-3", "x", 2, 50, 0)
        return LedgerDigest(ledger)

    def test_it_convinces_of_the_balance_and_of_no_other(self, digest):
        known = digest.hexdigest()
        for number in range(200):
            account = f"account-{number}"
            units = number + 1 - 2 * (number == 3)
            proof = digest.prove_balance(account)
            assert proof.is_of(known, account, units)
            for other in {0, units - 1, units + 1, -units, 10**40} - {units}:
                assert not proof.is_of(known, account, other)
            assert not proof.is_of(known, "account-0" if number else "account-1", units)

    def test_it_convinces_that_an_account_has_nothing(self, digest):
        proof = digest.prove_balance("nobody")
        assert proof.is_of(digest.hexdigest(), "nobody", 0)
        assert not proof.is_of(digest.hexdigest(), "account-7", 0)

    def test_it_is_of_one_digest(self):
        ledger = Ledger()
        ledger.mint("alice", 10)
        digest = LedgerDigest(ledger)
        before, proof = digest.hexdigest(), digest.prove_balance("alice")
        ledger.transfer("alice", "bob", 4)
        assert proof.is_of(before, "alice", 10)
        assert not proof.is_of(digest.hexdigest(), "alice", 10)
        assert digest.prove_balance("alice").is_of(digest.hexdigest(), "alice", 6)

    def test_it_travels_and_is_small(self, digest):
        sent = encode(digest.prove_balance("account-7"))
        assert len(sent) < 4_000
        assert decode(sent, BalanceProof).is_of(digest.hexdigest(), "account-7", 8)

    def test_a_proof_of_another_header_is_of_another_digest(self, digest):
        proof = digest.prove_balance("account-7")
        other = msgspec.structs.replace(proof, header=proof.header + b"\x00")
        assert not other.is_of(digest.hexdigest(), "account-7", 8)
