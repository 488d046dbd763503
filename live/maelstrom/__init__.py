"""Nodes in any language: processes that speak Maelstrom's JSON protocol, under load and faults."""
