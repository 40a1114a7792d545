"""The embedded CLIP model made anew: contrastive training on drawn digits, and its card.

It imports clip and data. Open `pretrain` first.
"""
