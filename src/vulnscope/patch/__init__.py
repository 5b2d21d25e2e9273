"""Does the model use what it knows? One twin's activations put into the other, layer by layer and region by region."""
