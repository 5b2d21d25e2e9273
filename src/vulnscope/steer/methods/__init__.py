"""Steering methods, one file each; `registry.py` maps their names."""
