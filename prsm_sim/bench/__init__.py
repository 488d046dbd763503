"""Benchmarks that ship with the package: ratios against rivals measured in the same run."""
