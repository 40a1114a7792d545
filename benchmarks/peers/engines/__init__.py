"""What each peer runs: an engine in this process, and the program of its parties."""
