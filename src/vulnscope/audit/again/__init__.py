"""Finished runs and published answers measured again: parsed anew, compared, combined. No model is opened."""
