"""The parameters of the consensus baseline, and the texts they are written in.

Every time-out is a multiple of the mean link delay, so that a baseline is the same experiment on
slow links and on fast ones.
"""

import math
from typing import Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from prsm_sim.actor.context import Random
from prsm_sim.network import Latency
from prsm_sim.scenario import ScenarioParameters

Law = Literal["fixed", "uniform", "exponential", "lognormal"]
LAWS: tuple[str, ...] = get_args(Law)
BEHAVIOURS = (
    "equivocate", "collude", "withhold", "delay", "replay", "mutate", "forge", "twin", "adaptive",
)  # fmt: skip
"""What Byzantine replicas do; ``collude`` is to equivocate with a common story."""
RARE_TAIL = 28.0
"""A delay beyond this many means has probability e^−28 < 1e-12 for an exponential link."""
SHORTCUT_SHARE = 0.2
"""Each optional shortcut is on in this share of what a fuzzer tries."""
HOPS_LEFT = 5
"""So many links one after the other may still be in use when a client has its last result."""


def parse_link(text: str) -> Latency:
    """The law of a link: ``law:mean_s``, for a lognormal one also ``lognormal:mean_s:sigma``.

    Raises:
        ValueError: the text says no such thing; the message says how to mend it.
    """
    law, *numbers = text.strip().split(":")
    if law not in LAWS:
        raise ValueError(f"no law is called {law!r}; write one of {', '.join(LAWS)}, as fixed:1.0")
    most = 2 if law == "lognormal" else 1
    form = f"{law}:MEAN_S" + (":SIGMA" if most == 2 else "")
    try:
        values = [float(number) for number in numbers]
    except ValueError:
        raise ValueError(f"{text!r} has a number that is none; write {form}") from None
    if not 1 <= len(values) <= most or not all(0 < value < math.inf for value in values):
        raise ValueError(f"write {form} with positive numbers")
    if len(values) == 2 and values[1] > 4:
        raise ValueError(f"sigma is {values[1]:g}; it is at most 4")
    chosen = dict(zip(("mean_s", "sigma"), values, strict=False))
    return Latency.model_validate({"law": law, **chosen})


def parse_byzantine(text: str) -> tuple[int, str]:
    """How many replicas are Byzantine and what they do: ``0`` or ``COUNT:BEHAVIOUR``.

    A count alone means the worst that many can do: they collude.

    Raises:
        ValueError: the text says no such thing; the message says how to mend it.
    """
    count, colon, behaviour = text.strip().partition(":")
    if not count.isdecimal():
        raise ValueError("write 0, or COUNT:BEHAVIOUR as 1:equivocate")
    if not colon:
        behaviour = "collude"
    if behaviour not in BEHAVIOURS:
        raise ValueError(f"no behaviour is called {behaviour!r}; one of {', '.join(BEHAVIOURS)}")
    return int(count), behaviour


class ConsensusBaselineParameters(ScenarioParameters):
    """Parameters of `consensus_baseline`. The first replicas are the Byzantine ones."""

    duration_s: float = Field(
        0.0,
        ge=0,
        le=1e12,
        description="the run ends at this time at last, s; 0: when it must be stuck",
    )
    sample_s: float = Field(1e6, gt=0, description="interval between samples of the gauges, s")
    replicas: int = Field(4, ge=4, le=200, description="size n of the committee")
    clients: int = Field(1, ge=1, le=10_000, description="closed-loop clients")
    requests: int = Field(20, ge=1, le=10_000_000, description="of all clients together")
    link: str = Field("fixed:1.0", description="law:mean_s of a link's delay, each message's own")
    batch: int = Field(1, ge=1, le=10_000, description="most requests under one sequence number")
    in_flight: int = Field(
        0, ge=0, le=1_000_000,
        description="batches under way before requests wait; 0: one, or any number if batch is 1",
    )  # fmt: skip
    checkpoint_interval: int = Field(0, ge=0, le=1_000_000, description="0: no checkpoints")
    crashed: Literal["none", "backup", "primary"] = Field(
        "none", description="who is down from the start: the last backup, or the first primary"
    )
    byzantine: str = Field("0", description="COUNT:BEHAVIOUR, as 1:equivocate; 0: none")
    tentative: bool = Field(False, description="execute when prepared")
    read_only: bool = Field(False, description="reads bypass the order")
    timeout_links: float = Field(
        100.0, gt=0, le=1e6, description="every time-out, in mean link delays"
    )
    status_links: float = Field(
        0.0, ge=0, le=1e6, description="replicas report so often, in mean link delays; 0: never"
    )
    window: int = Field(256, ge=1, le=1_000_000, description="sequence numbers in progress")

    @field_validator("byzantine", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) else value

    @field_validator("link")
    @classmethod
    def _link(cls, text: str) -> str:
        parse_link(text)
        return text

    @field_validator("byzantine")
    @classmethod
    def _byzantine(cls, text: str) -> str:
        parse_byzantine(text)
        return text

    @model_validator(mode="after")
    def _possible(self) -> "ConsensusBaselineParameters":
        broken = self.liars + (self.crashed != "none")
        if broken >= self.replicas:
            raise ValueError(f"{broken} broken replicas of {self.replicas} leave none to agree")
        if self.liars and self.crashed == "primary":
            raise ValueError("the first primary cannot be both Byzantine and crashed")
        if self.clients > self.requests:
            raise ValueError(f"{self.clients} clients cannot share {self.requests} requests")
        if self.window < self.checkpoint_interval:
            raise ValueError(
                f"window is {self.window}, so no checkpoint would ever be reached; "
                "give at least twice checkpoint_interval"
            )
        if self.duration_s == 0.0:
            self.__dict__["duration_s"] = self.due_s
        return self

    @property
    def latency(self) -> Latency:
        """The law of the links."""
        return parse_link(self.link)

    @property
    def liars(self) -> int:
        """How many replicas are Byzantine."""
        return parse_byzantine(self.byzantine)[0]

    @property
    def behaviour(self) -> str:
        """What they do."""
        return parse_byzantine(self.byzantine)[1]

    @property
    def timeout_s(self) -> float:
        """Every time-out of a replica and of a client, s."""
        return self.timeout_links * self.latency.mean_s

    @property
    def quiet_s(self) -> float:
        """After so long without a request every message has arrived, but once in 1e11 runs, s."""
        latency = self.latency
        match latency.law:
            case "fixed":
                longest = 1.0
            case "uniform":
                longest = 2.0
            case "exponential":
                longest = RARE_TAIL
            case "lognormal":
                longest = math.exp(7.0 * latency.sigma - latency.sigma**2 / 2)
        return HOPS_LEFT * longest * latency.mean_s

    @property
    def in_flight_limit(self) -> int:
        """Most batches that the primary has under way."""
        return self.in_flight or (1 if self.batch > 1 else self.window)

    @property
    def rest_s(self) -> float:
        """How long a client waits at the end, s: a tentative result may have lost its commits, and
        they are asked for after a time-out."""
        return self.quiet_s + (2.0 * self.timeout_s if self.tentative else 0.0)

    @property
    def heal_s(self) -> float:
        """By then a nemesis has stopped, s."""
        each = self.requests / self.clients
        return self.latency.mean_s * (5.0 * each + 10.0 * self.timeout_links)

    @property
    def most_overtaking(self) -> int:
        """So many later requests may be served before one that faulty primaries ignore.

        A client asks everybody after one time-out; the backups wait for another; a view change and
        the request itself take about ten links. Each further faulty primary costs two time-outs and
        five links. Meanwhile each other client is served at best once in five links. Measured with
        one faulty primary it is less than half of that, so random links do not reach it either.
        """
        more = (self.replicas - 1) // 3
        links = 2.0 * self.timeout_links + 10.0 + more * (2.0 * self.timeout_links + 5.0)
        return math.ceil((self.clients - 1) * (links / 5.0 + 1.0))

    @property
    def due_s(self) -> float:
        """By then some view has outlasted all delays and every request must be served, s."""
        links = 20.0 * self.requests + 100.0 * self.timeout_links
        return self.heal_s + links * self.latency.mean_s + 2 * self.quiet_s


def variants(rng: Random) -> dict[str, Any]:
    """Parameters that a fuzzer varies from seed to seed: small worlds in which much happens.

    Time-outs, windows and intervals are short, so that view changes, checkpoints, full windows and
    state transfer all happen within twenty requests.
    """
    interval = rng.choice((0, 2, 4, 8))
    long = rng.random() < 0.1  # now and then a run in which somebody can starve
    return {
        "replicas": rng.randint(4, 7),
        "clients": 5 if long else rng.randint(1, 5),
        "requests": 100 if long else 20,
        "link": rng.choice(("fixed:0.01", "exponential:0.01")),
        "batch": rng.randint(1, 4),
        "checkpoint_interval": interval,
        "window": max(4, interval) * rng.choice((2, 4)),
        "tentative": interval > 0 and rng.random() < SHORTCUT_SHARE,
        "read_only": rng.random() < SHORTCUT_SHARE,
        "timeout_links": 8.0 if long else rng.choice((2.0, 4.0, 4.0, 4.0, 8.0, 8.0, 8.0, 20.0)),
        "status_links": rng.choice((0.0, 40.0)),
    }
