"""What is odd about a corpus: near-duplicates, leaks, problems; and what it holds."""
