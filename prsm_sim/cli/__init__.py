"""The command `prsm`: argument parsing and printing, nothing else.

Start-up is what a person feels, so modules here import click alone at the top and everything else
inside the command that needs it.
"""
