"""What each kind of run says on its page: one `page(record)` per file."""
