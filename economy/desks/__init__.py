"""Desks: the mechanisms of the economy as operations of one replicated state machine."""
