"""Analyses behind single commands: descriptors of clients, readiness of this machine.

It imports experiment, federation and clip. Open the module of the command.
"""
