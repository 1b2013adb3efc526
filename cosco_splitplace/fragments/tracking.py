"""Where every task's workflow stands: which fragments wait, are placed, have finished; which tasks are complete.

The precedence chain is kept here: a fragment becomes ready, and can be placed, only when every fragment that it
depends on has finished; where data flows while it is made (``pipelined``), the whole chain is ready at once.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Sequence

from ..pipeline.plan import Plan
from ..records import DELIVERED, FAILED, FINISHED, LOST, Fragment, FragmentEvent, Task, TaskFailure


@dataclass
class Workflow:
    """One task in the system: its fragments by id, its plan, and how many results are still to be delivered."""

    task: Task
    split: str
    fragments: Dict[int, Fragment]
    plan: Plan
    undelivered: int


@dataclass
class WorkflowTracker:
    """All workflows.

    ``queue`` holds the ready fragments without a host, in the order in which they got ready; ``failed`` the tasks that
    were given up.
    """

    pipelined: bool = False
    failed: List[TaskFailure] = field(default_factory=list)
    workflows: Dict[int, Workflow] = field(default_factory=dict)
    queue: List[Fragment] = field(default_factory=list)
    placed: Dict[int, Fragment] = field(default_factory=dict)
    ready_s: Dict[int, float] = field(default_factory=dict)
    _of_fragment: Dict[int, Workflow] = field(default_factory=dict)

    def add(self, task: Task, fragments: Sequence[Fragment], plan: Plan, now_s: float) -> None:
        """A task enters; its fragments without predecessors are ready."""
        workflow = Workflow(
            task=task,
            split=fragments[0].split,
            fragments={one.fragment_id: one for one in fragments},
            plan=plan,
            undelivered=sum(one.is_last for one in fragments),
        )
        self.workflows[task.task_id] = workflow
        for one in fragments:
            self._of_fragment[one.fragment_id] = workflow
            if self.pipelined or not one.depends_on:
                self._make_ready(one, now_s)

    def mark_placed(self, fragments: Sequence[Fragment]) -> None:
        """These fragments of the queue got hosts."""
        placed = {one.fragment_id: one for one in fragments}
        self.queue = [one for one in self.queue if one.fragment_id not in placed]
        self.placed.update(placed)

    def plan_of(self, fragment_id: int) -> Plan:
        """The plan of the fragment's task."""
        return self._of_fragment[fragment_id].plan

    def task_of(self, fragment_id: int) -> Task:
        """The fragment's task."""
        return self._of_fragment[fragment_id].task

    def followers(self, fragment_id: int) -> List[Fragment]:
        """The fragments whose input is its output."""
        return [one for one in self._of_fragment[fragment_id].fragments.values() if fragment_id in one.depends_on]

    def siblings(self, fragment_id: int) -> List[int]:
        """All fragments of its task, itself too."""
        return list(self._of_fragment[fragment_id].fragments)

    def take_in(self, events: Sequence[FragmentEvent]) -> List[Workflow]:
        """Move on with what happened; returns the workflows that are complete now, in order of completion."""
        complete = []
        for event in events:
            workflow = self._of_fragment[event.fragment_id]
            if workflow.task.task_id not in self.workflows:
                continue  # its task was given up
            if event.kind == FINISHED:
                self._finished(workflow, event)
            elif event.kind == LOST:
                self._lost(workflow, event.fragment_id)
            elif event.kind == FAILED:
                self._failed(workflow, event)
            elif event.kind == DELIVERED:
                workflow.undelivered -= 1
                if workflow.undelivered == 0:
                    complete.append(workflow)
                    del self.workflows[workflow.task.task_id]
        return complete

    def _lost(self, workflow: Workflow, fragment_id: int) -> None:
        """It is placed again; what waited for its output waits again."""
        self.placed.pop(fragment_id, None)
        self.queue.insert(0, workflow.fragments[fragment_id])  # it has waited longest
        if not self.pipelined:
            self.queue = [one for one in self.queue if fragment_id not in one.depends_on]

    def _failed(self, workflow: Workflow, event: FragmentEvent) -> None:
        del self.workflows[workflow.task.task_id]
        self.failed.append(TaskFailure(workflow.task, event.time_s, event.reason))
        self.queue = [one for one in self.queue if one.fragment_id not in workflow.fragments]
        for fragment_id in workflow.fragments:
            self.placed.pop(fragment_id, None)

    def _finished(self, workflow: Workflow, event: FragmentEvent) -> None:
        del self.placed[event.fragment_id]
        if self.pipelined:
            return
        for one in workflow.fragments.values():
            if one.depends_on == (event.fragment_id,):
                self._make_ready(one, event.time_s)

    def _make_ready(self, fragment: Fragment, now_s: float) -> None:
        self.ready_s[fragment.fragment_id] = now_s
        self.queue.append(fragment)
