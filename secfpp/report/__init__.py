"""The report of a run: one self-contained HTML page and its numbers.

`secfpp.report.run.write.write_report` makes both; nothing is imported here, for matplotlib is slow
to.
"""
