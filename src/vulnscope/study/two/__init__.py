"""Two models on the same samples: both studies, and every figure with its paired difference."""
