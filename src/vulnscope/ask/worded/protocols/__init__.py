"""Protocols in words and listed options, one a file: how a sample becomes prompts, and what an answer may be."""
