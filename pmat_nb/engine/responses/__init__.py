"""What is done about a pressure level: which steps, when, and how often. No step runs here."""
