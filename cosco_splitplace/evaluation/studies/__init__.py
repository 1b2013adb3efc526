"""Studies of splitting: do learned groups beat random ones, what does a semantic split or pruning cost and give?"""
