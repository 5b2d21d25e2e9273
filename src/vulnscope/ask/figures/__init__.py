"""Rows to figures, with the rules that read no model beside them."""
