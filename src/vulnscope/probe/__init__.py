"""What does the model know? Linear read-outs of its hidden states against every surface rule."""
