"""Labelled images by domain, and their partition among clients.

It imports settings and errors. Open `domains` first, then `partition`.
"""
