"""The processes: a computing party, the dealer, and how both start, count and end.

It imports everything below, and no session. Open `party`, then `party_job`.
"""
