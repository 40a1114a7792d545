"""Attacks on finished runs: what somebody who sees only so much learns of a client.

Prompt stealing, membership inference and label inference, each with a positive control that must
succeed and a level of chance with a confidence interval. They read a run folder or the folder of a
comparison, and write `attacks.json` into it, which the report shows.

`audit/` needs no run: it bounds the epsilon of each private method from below, by experiment.
"""
