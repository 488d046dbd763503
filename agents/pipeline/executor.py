"""The executor: hosts specialist sub-models, fitted on its own share of the data.

It runs one call at a time and queues the rest, like a machine with one accelerator; what it cannot
do it refuses with a reason, as a value, so that the orchestrator turns to another at once instead
of waiting for a time-out. It is paid what it announced, and only for answers.
"""

from agents.pipeline.messages import Announce, ExecuteTask, Refusal, TaskResult
from agents.pipeline.submodel_types import Inference
from prsm_sim.actor import Actor, Context, OperationFailed, OperationTimedOut, PeerId, Seconds, on


class Executor(Actor):
    """Answers `ExecuteTask` and announces itself to routers.

    Args:
        routers: whom to tell what it can do.
        announcement: skills, data sets, share and price.
        announce_every_s: heartbeat interval; lost announcements are made good by the next.
        compute_timeout_s: how long a sub-model may take.
    """

    def __init__(
        self,
        routers: tuple[PeerId, ...],
        announcement: Announce,
        announce_every_s: Seconds = 10.0,
        compute_timeout_s: Seconds = 5.0,
    ) -> None:
        self._routers = routers
        self._announcement = announcement
        self._announce_every_s = announce_every_s
        self._compute_timeout_s = compute_timeout_s

    def on_start(self, ctx: Context, recovered: bytes | None) -> None:
        """Announce at once, then at a steady beat with a phase of its own."""
        ctx.broadcast(self._announcement, self._routers)
        ctx.set_timer("announce", self._announce_every_s * ctx.rng.uniform(0.05, 1.0))

    def on_timer(self, ctx: Context, name: str) -> None:
        """Announce again."""
        ctx.broadcast(self._announcement, self._routers)
        ctx.set_timer("announce", self._announce_every_s)

    @on(ExecuteTask)
    async def execute(self, ctx: Context, sender: PeerId, message: ExecuteTask) -> TaskResult:
        """Run the call, or refuse it."""
        call = message.call
        if call.skill not in self._announcement.skills:
            return TaskResult(call.task_id, Refusal(f"no sub-model for {call.skill}"))
        if call.goal.data not in self._announcement.datasets:
            return TaskResult(call.task_id, Refusal(f"no share of {call.goal.data}"))
        started_s = ctx.now
        try:
            inference: Inference = await ctx.models.infer(
                call.skill, call.goal, timeout=self._compute_timeout_s
            )
        except (OperationFailed, OperationTimedOut) as error:
            return TaskResult(call.task_id, Refusal(str(error) or "the sub-model took too long"))
        return TaskResult(
            call.task_id,
            inference.answer,
            inference.confidence_thousandths,
            int(1000 * (ctx.now - started_s)),
        )
