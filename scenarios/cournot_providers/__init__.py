"""Providers of compute who choose how much to offer; rivalry, and a cartel."""
