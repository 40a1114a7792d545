"""Scripts that write pages and figures of the documentation."""
