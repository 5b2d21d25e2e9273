"""What effects read of a subject: states of twins, the verdict at each layer, the next token, and what tokens add."""
