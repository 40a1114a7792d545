"""K-means by CrypTen's own operations, on the shares, links and dealer of all other jobs.

`--protocol crypten` is a yardstick for what our own protocols save, and a second implementation to
check them against. Every product, comparison, argmin and division is CrypTen's, as a user of
CrypTen would write them; only its links, its masks and its source of triples are ours. Read
`kmeans` first, then `pipeline`.
"""
