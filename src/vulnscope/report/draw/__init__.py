"""Pictures and code as inert markup, and what a page carries with it."""
