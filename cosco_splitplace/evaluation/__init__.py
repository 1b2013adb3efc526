"""Step beyond the loop: experiments, the paper's models by name, tables, plots and reports."""
