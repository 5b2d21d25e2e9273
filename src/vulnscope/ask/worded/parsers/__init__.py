"""Texts to verdicts, by named rules. A parser never raises and never takes a verdict from what it cannot read."""
