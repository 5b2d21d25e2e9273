"""Records in; pages out, as HTML, for a terminal, in Markdown and as CSV. Computes no figure."""
