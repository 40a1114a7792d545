"""Prompt stealing: how near somebody comes to a client's prompt, by what he sees.

Open `score` for what is measured, then a view: shares, means, distances.
"""
