"""Real hosts behind the Backend port: agents, what the broker asks of them, and the journal that survives it."""
