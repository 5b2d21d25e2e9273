"""Edits of a subject's activations: what they do, where, to which rows, and the hooks while they are in force."""
