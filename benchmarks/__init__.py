"""Benchmarks: the engine against its physical limit and its peer, side by side in one process."""
