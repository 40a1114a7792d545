"""The report of a run: one self-contained HTML page and its numbers.

`secfpp.report.run.write.write_report` makes both. Nothing is imported here, because matplotlib is
slow to import.
"""
