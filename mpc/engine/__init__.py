"""CrypTen on our own links: values opened under masks, and the one function that reveals.

It imports gates, jobs and net; `_crypten` is the only module that imports CrypTen. Open `openings`
first.
"""
