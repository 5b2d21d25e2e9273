"""Records in; HTML and terminal out. Computes no figure."""
