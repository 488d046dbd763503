"""The consensus baseline: one committee, plain links, closed-loop clients, everything counted."""
