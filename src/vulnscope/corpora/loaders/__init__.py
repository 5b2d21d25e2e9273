"""Corpora by their published layout, one loader a file; `registry.py` maps their names."""
