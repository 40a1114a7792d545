"""The verbs, one module each: flags as a dataclass, and `execute`.

They import everything below. Open `run` or `cluster` first.
"""
