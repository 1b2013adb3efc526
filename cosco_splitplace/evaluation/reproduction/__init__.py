"""The evaluation of the paper, and ours: experiments as data, run by one sweep, judged by what was measured."""
