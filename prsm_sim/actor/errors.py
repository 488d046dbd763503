"""The exceptions of the project, one small tree.

::

    PrsmError
    ├── UserError             a person's mistake; one line: what, where, how to mend; exit code 2
    ├── ForeignAwait          an actor awaited something that is not a `ctx` operation
    ├── OperationError        raised inside an actor where it awaited a port
    │   ├── OperationFailed       the answer is "no", with a reason
    │   └── OperationTimedOut     no answer came: the outcome is *unknown*, never assumed
    ├── RemoteProtocolError   a peer broke the protocol; the message is dropped with the reason
    └── InvariantViolation    a checker found the world wrong; stops the run

A refusal that a protocol expects (an expired escrow, an overdraft) is not an exception but a value.
A bug of our own is an `AssertionError`.
"""


class PrsmError(Exception):
    """Root of every error that this project raises on purpose."""


class UserError(PrsmError):
    """A mistake that a person can mend: says what, where and how, in one line."""


class ForeignAwait(PrsmError):
    """An actor awaited something that is not an operation made by its `ctx`."""

    def __init__(self, awaited: object) -> None:
        super().__init__(
            f"an actor may await only operations of its ctx (ctx.sleep, ctx.ask, ctx.models, …); "
            f"this one awaited {awaited!r}"
        )


class OperationError(PrsmError):
    """An awaited operation gave no value."""


class OperationFailed(OperationError):
    """The operation was answered, and the answer is a refusal."""


class OperationTimedOut(OperationError):
    """No answer came in time. Whether the operation took effect is unknown."""


class RemoteProtocolError(PrsmError):
    """A peer sent something that the protocol does not allow."""


class InvariantViolation(PrsmError):
    """A checker's invariant does not hold.

    Args:
        checker: name of the checker that found it.
        what: one sentence that says what is wrong.
        time_s: world time of the first violating event.
    """

    def __init__(self, checker: str, what: str, time_s: float) -> None:
        super().__init__(f"{checker}: {what} (t = {time_s:.6f} s)")
        self.checker = checker
        self.what = what
        self.time_s = time_s
