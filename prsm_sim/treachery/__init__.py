"""Treachery: Byzantine peers made of honest ones, for any protocol of typed messages.

A Byzantine peer is an honest actor with a liar between it and the network: a wrapper, the design of
Twins and of relab/hotstuff. The actor has no branch for being malicious, so what is tested is what
is shipped. What the liar says is derived from the *types* of the fields of a message: small changes
of real messages reach code that random bytes, refused by every decoder, never see (Winter et al.,
"Randomized testing of Byzantine fault tolerant algorithms", OOPSLA 2023).

- `corruption`: puts the wrappers around a peer, before the run and again after every restart;
- `plot`: which messages one fault strikes, and what is counted;
- `conspiracy`: what liars remember and agree on, so that accomplices tell the same lies;
- `values`: the typed fields of messages, and what was seen in them;
- `mutation`: one small change of one typed field;
- `traitor`, `behaviours`, `deafness`, `twin`: the wrappers.
"""

from prsm_sim.treachery.corruption import corrupt

__all__ = ["corrupt"]
