"""Dashboards over recorded runs: they read run folders and change nothing."""
