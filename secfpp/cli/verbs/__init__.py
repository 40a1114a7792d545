"""The commands, one module each: options as a dataclass, and `execute`.

They import everything below. Open `run` or `cluster`.
"""
