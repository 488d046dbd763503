"""Fuzzing: draw a plan of faults from a seed, run it, judge it, and shrink what fails.

A *strategy* draws a plan (`strategies`); a *trial* is one run under a plan (`trial`); a *campaign*
runs many seeds on several processes (`campaign`); a failing trial is *shrunk* to a short story
(`shrink`) and leaves one folder (`artefact`). None of it knows a protocol: what may be struck is
what the scenario exposes, and what is wrong is what its oracles say.
"""
