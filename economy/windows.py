"""Names that say when they end: how a ledger may forget what was done and still do it only once.

An idempotency key or the name of a hold makes a call safe to repeat as long as it is remembered. If
it were forgotten, the repeated call would act again; if nothing is ever forgotten, the state grows
with all that ever happened. The way out is a validity window (the rule of Solana's recent
blockhashes and of a session's deadline): what is forgotten must by then be invalid by itself.

Here the name carries its own end, as its last part: ``pay-7@1700000000000`` ends at that instant of
ledger time, in ms. The rule for a ledger that forgets is

1. a name without an end is refused;
2. a name whose end is not after the ledger's time is refused, whatever is remembered of it;
3. what is remembered of a name is dropped at its end, or later, never earlier.

So a name is used at most once, for ever, and no memory is needed for that: while ledger time is
before the end the record is there (3), from the end on the name itself is refused (2), and the
ledger's time never decreases. To move the end is to write another name, hence another operation,
which its author would have to sign.
"""

import re
from typing import Final

_END: Final = re.compile(r"@(0|[1-9][0-9]{0,18})\Z")


def name_until(name: str, ends_at_ms: int) -> str:
    """`name` with its end: ``name_until("pay-7", 9) == "pay-7@9"``."""
    assert 0 <= ends_at_ms < 10**19, f"{ends_at_ms} ms is no instant of ledger time"
    return f"{name}@{ends_at_ms}"


def end_of(name: str) -> int | None:
    """The instant (ms of ledger time) at which `name` ends, or None if it does not say.

    One instant has one spelling, so that one call has one name.
    """
    match = _END.search(name)
    return None if match is None else int(match.group(1))
