"""The token economy: exact money, a ledger that loses nothing, and the state machine around it.

Read `money` (what an amount is), `ledger` and `holds` (how it moves), `payments` and `pricing`
(what a query costs and who is paid), then `state_machine` (how replicas apply it in one order). The
mechanisms around the ledger (staking, royalties, markets …) are listed in ``docs/economy.md``.
"""
