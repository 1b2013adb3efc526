"""SplitPlace for COSCO: decide how to split neural networks, and place the fragments on edge hosts."""
from __future__ import annotations

__version__ = "0.1.0"
__all__ = ["__version__"]
