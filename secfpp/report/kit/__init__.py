"""Parts of pages: numbers as text, SVG, figures, cells.

It imports records of runs for their types. Open `text` first, then `figures`.
"""
