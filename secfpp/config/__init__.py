"""Settings of a run as frozen dataclasses, and their way from and to JSON.

It imports errors and the names of partitions. Open `run` first.
"""
