"""Installation: the core package, and the three drop-in folders mapped below it."""
from setuptools import find_packages, setup

MOBILITY = ["eclipse-sumo>=1.20"]
RAY = ["ray>=2.10"]
DROP_INS = ("scheduler", "workload", "framework_patches")

setup(
    name="cosco-splitplace",
    version="0.1.0",
    description="SplitPlace for COSCO: decide how to split neural networks, place the fragments on edge hosts",
    long_description=open("README.md", encoding="utf-8").read(),
    long_description_content_type="text/markdown",
    license="BSD-3-Clause",
    python_requires=">=3.9",
    packages=find_packages(include=["cosco_splitplace", "cosco_splitplace.*"])
    + [f"cosco_splitplace.{name}" for name in DROP_INS],
    package_dir={f"cosco_splitplace.{name}": name for name in DROP_INS},
    package_data={
        "cosco_splitplace": ["py.typed", "data/*", "data/*/*", "data/*/*/*", "data/*/*/*/*"],
        "cosco_splitplace.dashboard": ["grafana.json", "static/*", "static/*/*"],
        "cosco_splitplace.evaluation": ["*.j2", "templates/*"],
    },
    install_requires=[
        "click>=8.0",
        "docker>=6.1",
        "flask>=2.2",
        "jinja2>=3.0",
        "joblib>=1.4",
        "matplotlib>=3.7",
        "mlxtend>=0.21",
        "numba>=0.57",
        "numpy>=1.22",
        "orjson>=3.8",
        "pandas>=1.5",
        "psutil>=5.9",
        "pytorchcv>=0.0.67,<0.0.68",  # later ones need torchvision, which the split zoo can do without
        "pyarrow>=12.0",
        "requests>=2.25",
        "rich>=12.0",
        "safetensors>=0.3",
        "scikit-learn>=1.0",
        "tomli>=2.0; python_version < '3.11'",
        "tomli-w>=1.0",
        "torch>=1.13",
        "waitress>=2.1",
        "zstandard>=0.18",
    ],
    extras_require={
        "test": [*MOBILITY, *RAY, "duckdb>=0.9", "hypothesis>=6.0", "mypy>=1.5", "pandas-stubs", "pytest>=7.0",
                 "ruff>=0.1", "schemathesis>=4.0", "selenium>=4.10", "types-requests"],
        "dev": ["py-spy"],
        "mobility": MOBILITY,
        "ray": RAY,
    },
    entry_points={"console_scripts": ["cosco-splitplace = cosco_splitplace.cli:main"]},
)
