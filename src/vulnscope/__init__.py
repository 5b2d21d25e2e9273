"""Package root; the public surface is re-exported lazily."""
