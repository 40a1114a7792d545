"""Training of the embedded CLIP model: contrastive training on drawn digits, and its card.

It imports clip and data. Open `pretrain` first.
"""
