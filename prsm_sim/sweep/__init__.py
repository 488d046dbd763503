"""Sweeps: one scenario at many points of its parameter space, with many seeds at each.

`design` says which points, `study` what is run at each and what is kept of it, `backends` where it
runs, `results` how outcomes are kept so that a study can be stopped and taken up again, `analysis`
what they say, `compare` how two variants differ.

A replica is decided by (scenario, parameters, seed) alone, so results do not depend on where, in
what order or by how many workers they were made. Every point gets the same seeds: what differs
between two points is then due to the parameters, and less to chance (common random numbers).
"""
