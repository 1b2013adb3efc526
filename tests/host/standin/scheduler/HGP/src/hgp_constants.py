UCB_K = 5
