"""Subjects, their sites, and everything that runs them."""
