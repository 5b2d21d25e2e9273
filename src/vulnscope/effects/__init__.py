"""What an intervention changes on held-out groups beside its controls, and what it costs elsewhere; for all studies."""
