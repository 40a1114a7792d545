"""Prompts and their training: losses, local steps, descriptors.

It imports settings and seeds, and knows nothing of rounds or methods. Open `prompts`, then
`training`.
"""
