"""A plan: the faults of one run, as a value that is drawn, written, read, shrunk and replayed.

Whatever a strategy does to a run is in its plan, down to single messages. So the scenario, its
parameters, the seed and the plan together are the whole story, and taking a fault out of the plan
is a meaningful thing to try.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from prsm_sim.actor.errors import UserError
from prsm_sim.actor.types import PeerId
from prsm_sim.faults import Crash, Fault
from prsm_sim.schedule import parse_entry

Plan = tuple[Fault, ...]

PlanEntry = Mapping[str, Any] | str
"""A fault as people write it in a file: a mapping with a ``kind``, or a line of a schedule."""

_adapter: TypeAdapter[Plan] = TypeAdapter(Plan)


def broken_by(plan: Plan) -> tuple[PeerId, ...]:
    """The peers that a plan breaks for good, in its order: those that lie, forget, or never come
    back. A fault model bounds how many there may be."""
    broken: dict[PeerId, None] = {}
    for fault in plan:
        if fault.distrusted is not None:
            broken[fault.distrusted] = None
        elif isinstance(fault, Crash) and fault.for_s is None:
            broken[fault.peer] = None
    return tuple(broken)


def dump_plan(plan: Plan) -> list[dict[str, Any]]:
    """A plan as JSON can hold it, without what is at its default but for the kind."""
    return [
        {"kind": fault.kind} | fault.model_dump(mode="json", exclude_defaults=True)
        for fault in plan
    ]


def load_plan(faults: Sequence[object], where: str) -> Plan:
    """A plan out of JSON or YAML.

    Raises:
        UserError: a fault is not as it should be; the text names `where`, which one, and what.
    """
    try:
        return _adapter.validate_python(list(faults))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{where}: fault {name}: {first['msg']}") from error


def read_plan(entries: Sequence[PlanEntry], where: str) -> Plan:
    """A plan out of what people write, for a world that is not known yet.

    So a line must name the peers that its shape parts, and the world itself checks all names.

    Args:
        entries: mappings and lines, in any mixture.
        where: the file, for messages.

    Raises:
        UserError: an entry is not as it should be; the text names `where`, which one, and what.
    """
    plan: list[Fault] = []
    for number, entry in enumerate(entries, 1):
        try:
            plan.append(parse_entry(entry, ()))
        except UserError as error:
            raise UserError(f"{where}: fault {number}: {error}") from error
    return tuple(plan)
