"""The user's copy of the CWE catalogue."""
