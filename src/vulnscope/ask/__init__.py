"""Subject × protocol × samples × intervention to rows; rows to figures, with surface baselines beside them."""
