"""Measurements, one file per question; `python -m benchmarks` runs them all. No test runs these."""
