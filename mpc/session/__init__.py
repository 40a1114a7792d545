"""The server's side and the data owners': processes, shares, results.

It imports roles for their start only; `data_owner` needs NumPy and `cryptography` alone. Open
`session`, then `job_driver`.
"""
