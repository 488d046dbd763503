"""A peer that does not hear certain things, whoever says them.

A leader that ignores one client's request ignores it also when others relay it, so what is ignored
is decided by the content of a message, not by its sender: each distinct content is either heard
always or never. That starves somebody without any other sign of misbehaviour. Those that a fault
names as `receivers` are ignored whoever passes on what they said.
"""

from prsm_sim.actor.context import Context
from prsm_sim.actor.types import Message, PeerId
from prsm_sim.treachery.conspiracy import key_of_message
from prsm_sim.treachery.mutation import strings_in
from prsm_sim.treachery.traitor import Outgoing, Traitor

_WHOLE = 1 << 32


class Deaf(Traitor):
    """Ignores a share of all contents among the message types concerned."""

    def hears(self, ctx: Context, sender: PeerId, message: Message) -> bool:
        """Whether this content is one of those that it hears."""
        plot, fault = self.plot, self.plot.fault
        if not sender or sender == ctx.id or not plot.is_on(ctx):
            return True
        if fault.types and type(message).__name__ not in fault.types:
            return True
        if fault.receivers and not self._is_of(sender, message):
            return True
        key = key_of_message(message, str(plot.sim.seed), str(plot.number))
        if int.from_bytes(key[:4], "big") >= fault.share * _WHOLE:
            return True
        plot.struck()
        return False

    def _is_of(self, sender: PeerId, message: Message) -> bool:
        """Whether it comes from one of those that are ignored, or speaks of one in their stead."""
        ignored = self.plot.fault.receivers
        return sender in ignored or any(name in ignored for name in strings_in(message))

    def is_harmless(self, ctx: Context) -> bool:
        """What it says is honest."""
        return True

    def is_target(self, ctx: Context, to: PeerId, message: Message) -> bool:
        """What it says is honest."""
        return False

    def betray(self, ctx: Context, to: PeerId, message: Message) -> Outgoing:
        """Never asked for, since nothing that leaves is a target."""
        return ((to, message),)
