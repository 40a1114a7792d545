"""Public description of a job, its results, and the units and limits that follow from it.

It imports the ring, and needs neither torch nor CrypTen. Open `job` first.
"""
