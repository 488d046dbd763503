"""The ledger's operations and their results, as they travel through consensus.

An operation never says whose money it moves: that is the client who asked, and consensus vouches
for the client. Spending another's money is not refused, it cannot be written down.

Amounts and names are checked while decoding, so a machine sees well-formed operations only. Unknown
fields are malformed too: skipping them would recurse as deep as an adversary nests them, and where
that stops depends on the replica's stack, which replicas do not agree on.
"""

from typing import Annotated, Final, TypeAlias, get_args

from msgspec import Meta

from economy.holds import HoldState
from economy.money import UnitsText
from economy.refusals import Refusal
from prsm_sim.actor import Codec, Message, encode

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=128)]
"""Of an account, a hold, a query or an idempotency key."""

Milliseconds: TypeAlias = Annotated[int, Meta(ge=0, lt=2**62)]
"""An instant of ledger time."""

EncodedPayments: TypeAlias = Annotated[tuple[tuple[Name, UnitsText], ...], Meta(max_length=1024)]
"""Who gets how much."""


class LedgerOperation(Message, frozen=True, forbid_unknown_fields=True):
    """Base of all operations."""


class Transfer(LedgerOperation, frozen=True):
    """Move money of the client's to `payee`. Repeating it under the same `key` does nothing."""

    key: Name
    payee: Name
    units: UnitsText


class Mint(LedgerOperation, frozen=True):
    """Issue new money to `payee`; the issuer's right."""

    key: Name
    payee: Name
    units: UnitsText


class Burn(LedgerOperation, frozen=True):
    """Destroy money of the client's."""

    key: Name
    units: UnitsText


class PlaceHold(LedgerOperation, frozen=True):
    """Set money of the client's aside, for `arbiter` to post or void."""

    hold: Name
    arbiter: Name
    units: UnitsText
    expires_at_ms: Milliseconds


class PostHold(LedgerOperation, frozen=True):
    """Pay out of a hold and return the rest; the arbiter's right."""

    hold: Name
    payments: EncodedPayments


class VoidHold(LedgerOperation, frozen=True):
    """Return a hold to its payer; the arbiter's right."""

    hold: Name


class OpenQuery(LedgerOperation, frozen=True):
    """Put the client's payment for `query` in escrow, for `orchestrator` to settle or refund.

    Names are first come, first served: include the client's own name in the query's.
    """

    query: Name
    orchestrator: Name
    units: UnitsText
    expires_at_ms: Milliseconds


class SettleQuery(LedgerOperation, frozen=True):
    """Pay the contributors of a query and return the rest; the orchestrator's right."""

    query: Name
    contributions: EncodedPayments


class RefundQuery(LedgerOperation, frozen=True):
    """Return the whole payment of a query; the orchestrator's right."""

    query: Name


class ReadBalance(LedgerOperation, frozen=True):
    """Ask what an account may spend. Anyone may."""

    account: Name


class ReadQuery(LedgerOperation, frozen=True):
    """Ask how a query stands. Anyone may."""

    query: Name


AnyOperation: TypeAlias = (
    Transfer
    | Mint
    | Burn
    | PlaceHold
    | PostHold
    | VoidHold
    | OpenQuery
    | SettleQuery
    | RefundQuery
    | ReadBalance
    | ReadQuery
)


class Accepted(Message, frozen=True):
    """It was done, now or the first time it was asked."""


class Refused(Message, frozen=True):
    """It was not done, and nothing changed."""

    reason: Refusal


class Balance(Message, frozen=True):
    """What `account` may spend; holds are not included."""

    account: str
    units: UnitsText


class QueryStatus(Message, frozen=True):
    """How a query stands.

    Attributes:
        state: pending (open), posted (settled), voided (refunded) or expired.
        posted_units: what its contributors were paid in all.
    """

    query: str
    payer: str
    orchestrator: str
    amount_units: UnitsText
    expires_at_ms: int
    state: HoldState
    posted_units: UnitsText


Result: TypeAlias = Accepted | Refused | Balance | QueryStatus

OPERATIONS: Final[Codec[AnyOperation]] = Codec(get_args(AnyOperation))

_RESULTS: Final[Codec[Result]] = Codec(get_args(Result))


def encode_operation(operation: LedgerOperation) -> bytes:
    """The bytes to hand to consensus."""
    return encode(operation)


def decode_result(payload: bytes) -> Result:
    """What `LedgerMachine.apply` returned.

    Raises:
        RemoteProtocolError: the bytes encode no result.
    """
    return _RESULTS.decode(payload)
