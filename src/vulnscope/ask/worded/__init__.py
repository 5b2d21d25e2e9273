"""Answers in words: conversations with a local model or an endpoint, parsed into rows."""
