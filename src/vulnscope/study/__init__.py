"""What does the model say, what does it know, and what closes the gap? All stages in one run, with one diagnosis."""
