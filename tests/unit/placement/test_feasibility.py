"""What fits where, by hand."""
from __future__ import annotations

import numpy as np
import pytest

from cosco_splitplace.contract.made_parts import made_cluster, made_problem
from cosco_splitplace.placement import WAIT
from cosco_splitplace.placement.feasibility import assign_by_score, assign_least_loaded, enforce


def array(*values: float) -> np.ndarray:  # type: ignore[type-arg]
    return np.array(values, dtype=float)


class TestByScore:
    def test_the_best_score_with_room(self) -> None:
        scores = np.array([[0.1, 0.9, 0.5], [0.1, 0.9, 0.5], [0.1, 0.9, 0.5], [0.1, 0.9, 0.5]])
        free = array(200, 150, 100)
        hosts = assign_by_score(scores, array(100, 100, 100, 300), free)
        assert hosts.tolist() == [1, 2, 0, WAIT]  # host 1 has 50 MB left, then host 2 none
        assert free.tolist() == [200, 150, 100]  # not changed

    def test_of_equal_scores_the_first_host_wins(self) -> None:
        assert assign_by_score(np.zeros((3, 2)), array(50, 50, 50), array(100, 100)).tolist() == [0, 0, 1]

    def test_room_that_is_just_enough(self) -> None:
        assert assign_by_score(np.zeros((1, 1)), array(100), array(100)).tolist() == [0]
        assert assign_by_score(np.zeros((1, 1)), array(100.001), array(100)).tolist() == [WAIT]

    def test_a_small_one_goes_past_a_large_one_that_waits(self) -> None:
        assert assign_by_score(np.zeros((2, 1)), array(500, 10), array(100)).tolist() == [WAIT, 0]


class TestLeastLoaded:
    def test_load_counts_what_runs_and_what_was_just_placed(self) -> None:
        running, demand = np.array([1, 0, 0]), array(1.0, 1.0, 0.5)
        # loads with one more: 2, 1, 0.5 -> host 2; then 2, 1, 1 -> host 1; then 2, 2, 1 -> 2; then 2, 2, 1.5 -> 2
        hosts = assign_least_loaded(running, demand, array(1, 1, 1, 1), array(9, 9, 9))
        assert hosts.tolist() == [2, 1, 2, 2]

    def test_only_where_there_is_room(self) -> None:
        hosts = assign_least_loaded(np.array([0, 3]), array(1, 1), array(100, 100, 100), array(150, 150))
        assert hosts.tolist() == [0, 1, WAIT]


class TestEnforce:
    cluster = made_cluster(3)

    def test_queued_ones_take_room_in_order(self) -> None:
        problem = made_problem(self.cluster, [WAIT] * 4, [400, 400, 400, 100], [900, 0, 0])
        assert enforce(problem, np.array([0, 0, 0, 0])).tolist() == [0, 0, WAIT, 0]

    def test_a_move_needs_room_at_its_target_and_frees_none_at_its_source(self) -> None:
        problem = made_problem(self.cluster, [0, 1, WAIT, WAIT], [300, 300, 300, 300], [100, 300, 300])
        wanted = np.array([1, 0, 0, 2])  # 1 -> 0 has no room; host 0 is not free although fragment 0 leaves it
        assert enforce(problem, wanted).tolist() == [1, 1, WAIT, 2]

    def test_what_is_not_movable_stays(self) -> None:
        problem = made_problem(self.cluster, [0, 0], [10, 10], [500, 500, 500], movable=[False, True])
        assert enforce(problem, np.array([2, 2])).tolist() == [0, 2]

    def test_a_running_one_is_never_sent_back_to_the_queue(self) -> None:
        problem = made_problem(self.cluster, [1], [10], [500, 500, 500])
        assert enforce(problem, np.array([WAIT])).tolist() == [1]

    def test_staying_needs_no_room(self) -> None:
        problem = made_problem(self.cluster, [1], [900], [0, 0, 0])
        assert enforce(problem, np.array([1])).tolist() == [1]

    @pytest.mark.parametrize("host", [-2, 3, 99])
    def test_hosts_that_do_not_exist_are_ignored(self, host: int) -> None:
        problem = made_problem(self.cluster, [WAIT, 0], [10, 10], [500, 500, 500])
        assert enforce(problem, np.array([host, host])).tolist() == [WAIT, 0]

    @pytest.mark.parametrize("shape", [(1,), (3,), (2, 3), ()])
    def test_a_wrong_shape_is_refused(self, shape: "tuple[int, ...]") -> None:
        problem = made_problem(self.cluster, [WAIT, WAIT], [10, 10], [500, 500, 500])
        with pytest.raises(ValueError, match=r"must have shape \(2,\)"):
            enforce(problem, np.zeros(shape))

    def test_nothing_is_changed_in_place(self) -> None:
        problem = made_problem(self.cluster, [WAIT, 0], [10, 10], [500, 500, 500])
        enforce(problem, np.array([1, 1]))
        assert problem.current.tolist() == [WAIT, 0] and problem.free_ram_mb.tolist() == [500, 500, 500]
