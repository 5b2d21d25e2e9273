"""Reading activations: captured, pooled, streamed to disk, and the units that scales count in."""
