"""Tests share the cores of a machine: one thread each, set before NumPy and torch are loaded."""

import os

os.environ["OMP_NUM_THREADS"] = "1"
