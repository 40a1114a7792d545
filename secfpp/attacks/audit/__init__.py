"""An audit of every epsilon that a method claims: a lower bound, found by experiment.

Canaries, which are contributions as bad as clipping lets them be, are included or left out by
fair coins. An auditor sees what the mechanism releases and guesses the coins. Too many right
guesses refute the claim. The mechanism is the method's own code: its exchange, its clipping, its
noise, over all rounds of a run. Deliberate faults show that the audit finds what it should.

Open `audit` first, then `bounds`, which has the statistics, and `mechanism`, the interface of what
is audited.
"""
