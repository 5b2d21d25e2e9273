"""Many edits of the same prompts without repeating work: grids, trees of answers, patching."""
