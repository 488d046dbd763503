"""Many transfers of one amount are the transfers one by one."""

from hypothesis import given
from hypothesis import strategies as st

from economy.ledger import Ledger, LedgerParameters
from economy.ledger_digest import LedgerDigest

accounts = st.sampled_from(["ada", "bob", "cyd", "nil"])


def ledger_of(kind: str, owned: dict[str, int]) -> Ledger:
    ledger = Ledger(LedgerParameters(history_ms=1000 if kind == "history" else 0))
    for account, units in owned.items():
        assert not units or ledger.mint(account, units) is None
    if kind == "frozen":
        assert ledger.freeze("bob") is None
    return ledger


@given(
    st.sampled_from(["plain", "frozen", "history"]),
    st.dictionaries(accounts, st.integers(0, 6)),
    st.lists(st.tuples(accounts, accounts), max_size=20),
    st.integers(-1, 3),
)
def test_transfers_of_the_same_amount_are_so_many_transfers(
    kind: str, owned: dict[str, int], pairs: list[tuple[str, str]], units: int
) -> None:
    together, single = ledger_of(kind, owned), ledger_of(kind, owned)
    digests = [LedgerDigest(one) for one in (together, single)]
    assert len({digest.hexdigest() for digest in digests}) == 1
    payers, payees = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    done = together.transfer_each(payers, payees, units)
    assert done == sum(single.transfer(*pair, units) is None for pair in pairs)
    assert together.balances == single.balances
    assert together.touched == single.touched
    assert together.audit() is None
    assert len({digest.hexdigest() for digest in digests}) == 1
