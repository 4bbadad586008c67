"""Real weights and text from the Python package index, for machines that reach nothing else."""
