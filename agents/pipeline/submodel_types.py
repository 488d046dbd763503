"""What a sub-model answers: shared by the executor, which asks, and the adapter, which computes."""

import msgspec

from agents.pipeline.tasks import AnyAnswer


class Inference(msgspec.Struct, frozen=True, gc=False):
    """A sub-model's answer and how sure it is.

    Attributes:
        answer: what the goal asked for.
        confidence_thousandths: computed from the peer's own data, 0 (guess) to 1000 (certain).
    """

    answer: AnyAnswer
    confidence_thousandths: int
