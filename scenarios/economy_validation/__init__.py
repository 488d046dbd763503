"""Answers of the economy that are known otherwise: theory, and the claims that compare."""
