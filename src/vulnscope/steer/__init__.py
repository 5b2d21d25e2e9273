"""Does steering do more than move the criterion? Directions, where and how they are added, and what they cost."""
