"""Oracles: what must hold of a protocol, whichever it is, judged by what peers and clients tell.

They are checkers (`prsm_sim.checker`) made general by accessors: the user says which fact decides,
asks or answers, and how to read it. A fact costs them constant time; what takes a search is judged
at the end of a run.
"""

from prsm_sim.checker import Agreement, Always, Checker, Order, Settled, Verdict, everyone
from prsm_sim.oracles.bounds import Bounded
from prsm_sim.oracles.coverage import Sometimes, never_seen
from prsm_sim.oracles.decisions import Certificates, Integrity, Validity
from prsm_sim.oracles.linearizability import Judgement, Linearizable, check_history
from prsm_sim.oracles.liveness import Eventually, Recovers
from prsm_sim.oracles.models import Counter, KeyValue, Log, Model, Queue, Register, Set

__all__ = [
    "Agreement",
    "Always",
    "Bounded",
    "Certificates",
    "Checker",
    "Counter",
    "Eventually",
    "Integrity",
    "Judgement",
    "KeyValue",
    "Linearizable",
    "Log",
    "Model",
    "Order",
    "Queue",
    "Recovers",
    "Register",
    "Set",
    "Settled",
    "Sometimes",
    "Validity",
    "Verdict",
    "check_history",
    "everyone",
    "never_seen",
]
