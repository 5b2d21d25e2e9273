"""What a subject answers: log-probabilities of given answers, and texts it writes."""
