"""Everything that has to do with a COSCO checkout: finding it, its ``main.py``, its packages, its age.

``entry`` is what the hook line in ``main.py`` calls: it anchors COSCO's packages, applies the compatibility shims and
hands over to ``cosco_splitplace.framework_patches``. Nothing in a checkout is written but the hook line.
"""
