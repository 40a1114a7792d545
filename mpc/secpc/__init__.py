"""SecPC, the clustering protocol of the paper, by Lagrange coded computing among the clients.

Open `session` first, then `server` (one job), `client` (what a client answers) and `coding`. Little
is published: the primitive, that k-means is adaptive, that rows are sliced, that coded centres and
distances are formed on shares, that the server keeps the assignment, and the names (lambda, q) of a
quantiser. Evaluation points, l and t, how distances are decoded, the rule for the number of
clusters, masks and dropouts are inferred or ours, and say so where they are defined.
"""
