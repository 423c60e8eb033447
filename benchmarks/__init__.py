"""Measurements, one file per question; `python -m benchmarks` runs them all. No test runs these."""

import os

# One thread for each contender. It has to be said before NumPy is imported for the first time.
for _library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"
