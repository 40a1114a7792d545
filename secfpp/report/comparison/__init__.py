"""The report of a comparison: one self-contained HTML page, its numbers and its tables.

`secfpp.report.comparison.write.write_comparison` makes them. Nothing is imported here, because
matplotlib is slow to import.
"""
