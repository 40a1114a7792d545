"""The side of the server and the data owners: processes, shares, results.

It imports roles only to start them. `data_owner` needs only NumPy and `cryptography`. Read
`session`, then `job_driver`.
"""
