"""Rows to the record of an audit: figures, controls, and what of them is said and shown. Asks nothing."""
