"""Experiments: each composes actors, an economy, faults and checkers into one world."""
