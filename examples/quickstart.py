"""Run two policies on the same workload from Python and print what a task got.

python examples/quickstart.py
"""
from cosco_splitplace.config import Settings
from cosco_splitplace.simulation import simulate

world = Settings().replace(cluster={"hosts": 10}, arrivals={"rate": 1.2}, run={"intervals": 20, "seed": 1})

for decider in ("layer", "semantic"):
    result = simulate(world.replace(run={"decider": decider, "placer": "least-loaded"}))
    metrics = result.metrics
    print(
        f"{decider:9} {metrics['finished']:.0f} tasks, {metrics['response_intervals']:.2f} intervals, "
        f"{metrics['violations']:.0%} late, accuracy {metrics['accuracy']:.1%}, reward {metrics['reward']:.3f}"
    )

first = result.outcomes[0]
print(f"task {first.task.task_id}: {first.task.batch_images} images of {first.task.application} on hosts {first.hosts}")
