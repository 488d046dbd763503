"""The numbers a committee runs by; every replica of it is given the same ones."""

import msgspec

from prsm_sim.actor import Seconds, UserError


class Settings(msgspec.Struct, frozen=True):
    """Parameters of a replica.

    Attributes:
        view_timeout_s: how long a known request may stay unexecuted before a backup gives up on
            the primary. Choose several round trips.
        retry_s: how long a replica stands still before it asks the others what it lacks. Choose
            more than the five hops of an undisturbed request.
        skew_tolerance_s: how far the primary's clock reading may be from a backup's own clock.
        window: how many sequence numbers may be in progress: beyond the last stable checkpoint,
            or, without checkpoints, beyond the last executed one. With `aside_limit` it bounds what
            messages not yet usable can occupy.
        batch_limit: most requests under one sequence number.
        in_flight_limit: most batches the primary has under way; further requests wait, and form
            larger batches.
        aside_limit: most messages of later views kept a sender.
        status_s: how often a replica tells the others where it stands even when it knows of
            nothing unfinished, so that one that slept through the last requests catches up without
            new traffic. None: never, and undisturbed operation sends only the paper's messages.
        checkpoint_interval: how many sequence numbers from one checkpoint to the next (the paper's
            K). 0: none are taken, and memory and view changes grow with the run.
        tentative: execute and answer once prepared, one hop before the commit (see `tentative`).
            Use it with checkpoints: an execution that is undone starts from the last one.
        read_only: answer reads without ordering them (see `reads`, also for what it costs).

    Raises:
        UserError: a number is out of range, or the window ends before the next checkpoint.
    """

    view_timeout_s: Seconds = 4.0
    retry_s: Seconds = 1.0
    skew_tolerance_s: Seconds = 10.0
    window: int = 256
    batch_limit: int = 1
    in_flight_limit: int = 256
    aside_limit: int = 256
    status_s: Seconds | None = None
    checkpoint_interval: int = 0
    tentative: bool = False
    read_only: bool = False

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if name == "checkpoint_interval":
                if value < 0:
                    raise UserError(
                        f"consensus setting {name} is {value}; give a positive number, 0 for none"
                    )
            elif not isinstance(value, bool) and value is not None and not 0 < value < float("inf"):
                raise UserError(
                    f"consensus setting {name} is {value}; give a positive, finite number"
                )
        if self.window < self.checkpoint_interval:
            raise UserError(
                f"consensus setting window is {self.window}, less than checkpoint_interval "
                f"({self.checkpoint_interval}), so no checkpoint would ever be reached; "
                "give at least twice the interval"
            )
