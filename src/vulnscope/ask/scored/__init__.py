"""Yes-or-no questions: samples to prompts, prompts to margins, margins to rows."""
