"""Commands that look at one thing: descriptors of clients, and whether this machine is ready.

It imports federation and clip. Open the module of the command.
"""
