"""What a kind of study is, and what every run of one has: declared once, opened, carried out and shown alike."""
