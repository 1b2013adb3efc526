"""How good could a policy be? Rewards of a run that no policy exceeds, and that a clairvoyant one reaches."""
