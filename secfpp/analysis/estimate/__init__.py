"""What a run will take, before it starts: images to encode, memory, time, rounds and bytes.

Sizes are counted from the listed images. Memory and time come from short probes: the method's own
steps for one and for two clients, scaled. Open `probe` first, then `need`.
"""
