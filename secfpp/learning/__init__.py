"""Prompts and how they are trained: losses, local steps, descriptors.

It imports configuration and seeds, and knows nothing of rounds or methods. Open `prompts`, then
`training`.
"""
