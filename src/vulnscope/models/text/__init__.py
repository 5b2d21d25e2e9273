"""Texts as a subject reads them: tokens, the positions that selectors pick, and the batches they run in."""
