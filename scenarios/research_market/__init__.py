"""The research market: peers answer research questions, pay each other and agree on the ledger."""
