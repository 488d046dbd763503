"""Questions: what a client asks, as text for people and as a goal for the machinery."""

import msgspec

from agents.pipeline.tasks import AnyGoal


class Question(msgspec.Struct, frozen=True, gc=False):
    """One research question.

    Attributes:
        id: unique in its file.
        text: for people; nothing is computed from it.
        kind: the family it belongs to, such as ``separate_classes``; metrics are grouped by it.
        goal: what is wanted.
    """

    id: str
    text: str
    kind: str
    goal: AnyGoal
