"""The report of a comparison: one self-contained HTML page, its numbers and its tables.

`secfpp.report.comparison.write.write_comparison` makes them; nothing is imported here, for
matplotlib is slow to.
"""
