"""A model opened as a subject: files, loading, self-check, sites, adapters and what it offers."""
