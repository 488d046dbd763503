"""Refusals: the answers "no" that the economy expects to give.

A refusal is a value, not an exception: an overdraft is an everyday answer, every replica must give
the same one, and the caller decides what to do about it. A function that can refuse returns
``Refusal | None``, where None means that it was done. A refused call has changed nothing.
"""

from enum import Enum


class Refusal(Enum):
    """Why nothing was done. The value is what travels in a reply."""

    INVALID_AMOUNT = "invalid-amount"
    """The amount is not positive (or, in a list of payments, negative)."""
    SAME_ACCOUNT = "same-account"
    """Payer and payee are the same account."""
    INSUFFICIENT_FUNDS = "insufficient-funds"
    """The payer's available balance is smaller than the amount."""
    CAP_EXCEEDED = "cap-exceeded"
    """Minting this would raise the supply above its cap."""
    KEY_REUSED = "key-reused"
    """The idempotency key was used before, for something else."""
    ID_TAKEN = "id-taken"
    """A hold or query of this name exists, with other content."""
    UNKNOWN_HOLD = "unknown-hold"
    """There is no hold or query of this name."""
    ALREADY_POSTED = "already-posted"
    """The hold was posted (the query settled) before."""
    ALREADY_VOIDED = "already-voided"
    """The hold was voided (the query refunded) before."""
    ALREADY_EXPIRED = "already-expired"
    """The hold's time was up; its amount went back to the payer."""
    EXCEEDS_HOLD = "exceeds-hold"
    """The payments add up to more than the hold."""
    EXPIRY_PAST = "expiry-past"
    """The hold would expire now or earlier."""
    EXPIRY_TOO_FAR = "expiry-too-far"
    """The hold would lock its amount for longer than the ledger allows."""
    NOT_AUTHORISED = "not-authorised"
    """The client has no say over this account, hold or query."""
    MALFORMED = "malformed"
    """The bytes encode no operation."""
