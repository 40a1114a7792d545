"""What a job asks of those who take part, and what they allow; every role keeps a ledger of it.

`terms` is the public description of one job, with its digest. `policy` says what a role allows.
`chain` is a ledger whose later change shows, and `compare` finds the first difference between the
ledgers of several roles. Needs neither CrypTen nor torch.
"""
