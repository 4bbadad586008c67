"""From scores to intervals, tables, figures and verdicts."""
