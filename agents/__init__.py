"""Protocol participants, as actors; one sub-package a concern, siblings that meet by messages."""

__distribution__ = "prsm-sim"
"""Tells this package from an unrelated public one that is imported by the same name."""
