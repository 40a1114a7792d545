"""CrypTen over the links of `mpc.net`: masked openings, and the one function that reveals values.

It imports gates, jobs and net. `_crypten` is the only module that imports CrypTen. Read `openings`
first.
"""
