"""One call of a model: its layers and hooks, its head, prefix caches, packing, and what a call costs."""
