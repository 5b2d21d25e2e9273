"""What does the model say? Two polarities, pairs, controls and intervals."""
