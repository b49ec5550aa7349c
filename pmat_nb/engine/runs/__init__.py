"""What is judged about a whole run of a notebook: gates, spread, comparison. Pure."""
