"""Source code as text and as syntax: lines, differences, functions, chunks."""
