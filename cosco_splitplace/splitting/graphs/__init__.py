"""Layer splits of any torch model: traced to a graph, costed, cut, and written without the model's code.

``model`` is traced by ``tracing`` to a ``graph``; ``costs`` says what each node costs, ``cuts`` and ``makespan`` choose
where to cut, ``artifact`` writes the fragments, ``module`` runs them.
"""
from __future__ import annotations
