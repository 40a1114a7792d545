"""A frozen CLIP model: image features, and text features of class names under learned prompts.

It imports data and settings. Open `model` first, then `text`.
"""
