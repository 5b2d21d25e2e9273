"""What every study found: frozen, versioned results that survive JSON; a number is finite or says why it is missing."""
