"""Getting published corpora, pinned and checked."""
