"""The response context: forks, what goes up, what is held, what ends (RFC 3261 16.7-16.10)."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from offhook.proxy.branch import SILENCE, TIMER_C, Branch
from offhook.proxy.response_context import COMPLETED_ELSEWHERE, Fork, ResponseContext
from offhook.proxy.target import ForkRequest, Outcome, Redirects, Target
from tests.unit.proxy.outlet import Outlet, response

A, B, C = (f"sip:{name}@192.0.2.{number}" for number, name in enumerate("abc", start=11))


class Stage:
    """One context over a logging outlet."""

    def __init__(self, *, invite: bool = True) -> None:
        self.outlet = Outlet()
        self.context = ResponseContext(self.outlet, None, invite=invite)
        self.branches: dict[str, Branch] = {}  # a finished fork lets go of them

    def fork(self, *groups: Sequence[str], ring: float = 120.0, decides: bool = False) -> Fork:
        """Start a fork to groups of URIs."""
        targets = [[Target(uri) for uri in group] for group in groups]
        return self.context.fork(ForkRequest(targets, ring, decides=decides), self.outlet.now)

    def hear(self, fork: Fork, uri: str, status: int, *, tag: str = "b") -> None:
        """A response of a branch arrives."""
        for each in fork.branches:
            self.branches[each.target.uri] = each
        branch = self.branches[uri]
        message = response(status, tag=tag)
        if status < 200:
            fork.provisional(branch, message, self.outlet.now)
        else:
            fork.final(branch, message, self.outlet.now)


@pytest.mark.rfc("3261", "16.7")
def test_provisionals_go_up_and_100_stays_here() -> None:
    stage = Stage()
    fork = stage.fork([A])
    for status in (100, 180, 183):
        stage.hear(fork, A, status)
    assert stage.outlet.of("up") == [180, 183]
    assert stage.outlet.of("progress") == [180, 183]


@pytest.mark.rfc("3261", "16.7")
def test_a_2xx_goes_up_at_once_and_ends_the_others() -> None:
    stage = Stage()
    fork = stage.fork([A, B, C])
    stage.hear(fork, A, 180)
    stage.hear(fork, B, 180)
    stage.hear(fork, B, 200)
    assert stage.outlet.of("up") == [180, 180, 200]
    assert fork.outcome is not None
    assert (fork.outcome.status, fork.outcome.branch) == (200, B)
    assert ("cancel", A, COMPLETED_ELSEWHERE) in stage.outlet.log
    assert C not in stage.outlet.of("cancel")  # nothing was heard of it yet
    stage.hear(fork, C, 100)
    assert ("cancel", C, COMPLETED_ELSEWHERE) in stage.outlet.log
    stage.hear(fork, A, 487)
    stage.hear(fork, C, 487)
    assert stage.outlet.of("answer") == []
    assert stage.outlet.finished_contexts == 1


def test_every_2xx_goes_up() -> None:
    stage = Stage()
    fork = stage.fork([A, B])
    stage.hear(fork, A, 200)
    stage.hear(fork, B, 200, tag="second")
    stage.hear(fork, A, 200)  # a retransmission
    assert stage.outlet.of("up") == [200, 200, 200]
    assert stage.outlet.of("settled") == [200]


def test_failures_are_held_until_the_last_and_the_best_is_the_outcome() -> None:
    stage = Stage()
    fork = stage.fork([A, B])
    stage.hear(fork, A, 486)
    assert fork.outcome is None
    stage.hear(fork, B, 404)
    assert fork.outcome is not None
    assert fork.outcome.status == 486
    assert stage.outlet.of("answer") == []  # the program decides
    assert stage.context.answer(fork.outcome, 0.0)
    assert stage.outlet.of("answer") == [486]
    assert not stage.context.answer(Outcome(500), 0.0)


def test_a_fork_that_decides_answers_by_itself() -> None:
    stage = Stage()
    stage.hear(stage.fork([A], decides=True), A, 486)
    assert stage.outlet.of("answer") == [486]


def test_a_6xx_ends_the_fork_but_waits_for_the_branches() -> None:
    stage = Stage()
    fork = stage.fork([A, B], [C], decides=True)
    stage.hear(fork, A, 180)
    stage.hear(fork, B, 603)
    assert ("cancel", A, "SIP;cause=603") in stage.outlet.log
    assert stage.outlet.of("answer") == []
    stage.hear(fork, A, 487)
    assert stage.outlet.of("answer") == [603]
    assert C not in stage.outlet.of("send")


def test_groups_follow_one_another() -> None:
    stage = Stage()
    fork = stage.fork([A], [], [B, C], decides=True)
    assert stage.outlet.of("send") == [A]
    stage.hear(fork, A, 486)
    assert stage.outlet.of("send") == [A, B, C]
    stage.hear(fork, B, 480)
    stage.hear(fork, C, 480)
    assert stage.outlet.of("answer") == [486]


def test_nobody_to_ring_is_480() -> None:
    stage = Stage()
    fork = stage.fork()
    assert fork.outcome == Outcome(480, "Temporarily Unavailable")
    assert not fork.open


@pytest.mark.rfc("3261", "16.10")
def test_cancel_waits_for_the_branches_and_is_487_once() -> None:
    stage = Stage()
    fork = stage.fork([A, B], [C])
    stage.hear(fork, A, 180)
    stage.context.cancel("SIP;cause=487", 1.0)
    assert stage.outlet.log[-1] == ("cancel", A, "SIP;cause=487")
    stage.context.cancel("again", 1.0)
    stage.hear(fork, A, 487)
    assert stage.outlet.of("answer") == []
    stage.outlet.advance(1.0 + SILENCE)
    assert stage.outlet.of("answer") == [487]
    assert fork.outcome is not None
    assert fork.outcome.status == 487
    assert C not in stage.outlet.of("send")


def test_a_2xx_that_crosses_a_cancel_wins() -> None:
    stage = Stage()
    fork = stage.fork([A])
    stage.hear(fork, A, 180)
    stage.context.cancel("", 1.0)
    stage.hear(fork, A, 200)
    assert stage.outlet.of("up") == [180, 200]
    assert stage.outlet.of("answer") == []
    assert fork.outcome is not None
    assert fork.outcome.ok


def test_after_a_cancel_nobody_is_rung() -> None:
    stage = Stage()
    stage.context.cancel("", 1.0)
    assert stage.outlet.of("answer") == [487]
    fork = stage.fork([A])
    assert fork.outcome == Outcome(487, "Request Terminated")
    assert stage.outlet.of("send") == []


def test_ring_time_is_a_local_408_and_a_late_2xx_still_wins() -> None:
    stage = Stage()
    first = stage.fork([A], ring=4)
    stage.hear(first, A, 180)
    stage.outlet.advance(4.0)
    assert first.outcome == Outcome(408, "Request Timeout", early=True)
    second = stage.fork([B])
    stage.hear(first, A, 200)
    assert second.outcome is not None
    assert second.outcome.ok
    assert second.outcome.branch == A
    stage.hear(second, B, 180)
    assert B in stage.outlet.of("cancel")
    stage.hear(second, B, 487)
    assert stage.outlet.finished_contexts == 1


def test_long_rings_are_looked_at_often_and_kept() -> None:
    stage = Stage()
    fork = stage.fork([A], ring=100)
    stage.outlet.advance(99.9)
    stage.hear(fork, A, 180)
    assert fork.open
    stage.outlet.advance(100.0)
    assert fork.outcome is not None
    assert fork.outcome.status == 408


@pytest.mark.rfc("3261", "16.8")
def test_timer_c_cancels_a_branch_that_rings_for_ever() -> None:
    stage = Stage()
    fork = stage.fork([A], ring=10_000)
    stage.outlet.advance(100.0)
    stage.hear(fork, A, 180)
    stage.outlet.advance(100.0 + TIMER_C - 1)
    assert stage.outlet.of("cancel") == []
    stage.outlet.advance(100.0 + TIMER_C + 1)
    assert stage.outlet.of("cancel") == [A]
    stage.outlet.advance(100.0 + TIMER_C + SILENCE + 1)
    assert fork.outcome is not None
    assert fork.outcome.status == 487


def test_abandoned_forks_are_dropped_and_have_no_outcome() -> None:
    stage = Stage()
    fork = stage.fork([A], [B])
    stage.hear(fork, A, 180)
    stage.context.abandon(fork, 0.0)
    assert stage.outlet.of("cancel") == [A]
    stage.hear(fork, A, 487)
    assert fork.outcome is None
    assert stage.outlet.of("settled") == []
    assert B not in stage.outlet.of("send")


def test_an_answer_ends_every_fork_that_runs() -> None:
    """Whoever waits for one in the background must not wait for ever."""
    stage = Stage()
    fork = stage.fork([A])
    stage.hear(fork, A, 180)
    stage.context.answer(Outcome(603), 0.0)
    assert fork.outcome == Outcome(603)
    assert stage.outlet.of("settled") == [603]
    stage.hear(fork, A, 487)
    assert stage.outlet.of("answer") == [603]


def test_a_branch_that_is_added_counts() -> None:
    stage = Stage()
    fork = stage.fork([A])
    stage.context.add(fork, Target(B), 0.0)
    stage.hear(fork, A, 486)
    assert fork.outcome is None
    stage.hear(fork, B, 200)
    assert fork.outcome is not None
    stage.context.add(fork, Target(C), 0.0)
    assert C not in stage.outlet.of("send")


def test_a_non_invite_is_answered_while_branches_run() -> None:
    stage = Stage(invite=False)
    stage.fork([A])
    stage.context.answer(Outcome(500), 0.0)
    assert stage.outlet.of("answer") == [500]
    assert stage.outlet.of("cancel") == []  # only an INVITE can be cancelled


def test_a_second_2xx_of_a_non_invite_is_not_sent() -> None:
    stage = Stage(invite=False)
    fork = stage.fork([A, B])
    stage.hear(fork, A, 200)
    stage.hear(fork, B, 200)
    assert stage.outlet.of("up") == [200]


def test_responses_are_inspected_on_their_way() -> None:
    seen: list[int] = []
    stage = Stage()
    request = ForkRequest([[Target(A)]], reply=lambda message: seen.append(message.status))
    fork = stage.context.fork(request, 0.0)
    for status in (100, 180, 200):
        stage.hear(fork, A, status)
    assert seen == [180, 200]


def test_a_6xx_while_the_group_starts_stops_the_rest() -> None:
    stage = Stage()
    stage.outlet.dead = {"192.0.2.11"}
    fork = stage.fork([A, B], decides=True)
    assert stage.outlet.of("send") == [B]
    stage.hear(fork, B, 486)
    assert stage.outlet.of("answer") == [486]


# Max-Breadth -------------------------------------------------------------------------------------
class Narrow(Stage):
    """A context whose request came with this Max-Breadth."""

    def __init__(self, breadth: int, *, invite: bool = True) -> None:
        super().__init__(invite=invite)
        self.context.breadth = breadth


@pytest.mark.rfc("5393", "5.3.3")
def test_parallel_branches_divide_what_there_is() -> None:
    stage = Stage()
    fork = stage.fork([A, B, C], decides=True)
    assert [branch.breadth for branch in fork.branches] == [20, 20, 20]
    assert stage.context.used == 60


@pytest.mark.rfc("5393", "5.3.3.1")
def test_serial_branches_use_it_again() -> None:
    stage = Stage()
    fork = stage.fork([A], [B], decides=True)
    assert fork.branches[0].breadth == 60
    stage.hear(fork, A, 486)
    assert [branch.breadth for branch in fork.branches] == [0, 60]


def test_a_program_that_waits_may_add_branches() -> None:
    stage = Stage()
    fork = stage.fork([A])
    stage.context.add(fork, Target(B), 0.0)
    stage.context.add(fork, Target(C), 0.0)
    assert [branch.breadth for branch in fork.branches] == [30, 15, 7]


@pytest.mark.rfc("5393", "5.3.3")
def test_an_invite_rings_one_after_the_other_where_it_may_not_ring_together() -> None:
    stage = Narrow(2)
    fork = stage.fork([A, B, C], decides=True)
    assert stage.outlet.of("send") == [A, B]
    stage.hear(fork, A, 486)
    stage.hear(fork, B, 486)
    assert stage.outlet.of("send") == [A, B, C]
    stage.hear(fork, C, 480)
    assert stage.outlet.of("answer") == [486]
    assert stage.context.used == 0


def test_a_second_fork_waits_for_the_branch_that_is_being_cancelled() -> None:
    stage = Narrow(1)
    first = stage.fork([A], ring=20)
    stage.hear(first, A, 180)
    stage.outlet.advance(20)
    assert stage.outlet.of("settled") == [408]
    second = stage.fork([B])
    assert stage.outlet.of("send") == [A]
    stage.hear(first, A, 487)
    assert stage.outlet.of("send") == [A, B]
    stage.hear(second, B, 200)
    assert stage.outlet.of("up") == [180, 200]


@pytest.mark.rfc("5393", "5.3.3")
def test_what_cannot_wait_is_440() -> None:
    stage = Narrow(2, invite=False)
    fork = stage.fork([A, B, C], decides=True)
    assert [branch.status for branch in fork.branches] == [0, 0, 440]
    stage.hear(fork, A, 404)
    stage.hear(fork, B, 404)
    assert stage.outlet.of("answer") == [404]
    alone = Narrow(0, invite=False)
    alone.fork([A], decides=True)
    assert alone.outlet.of("answer") == [440]


# redirections ------------------------------------------------------------------------------------
def following(stage: Stage, *groups: Sequence[str]) -> Fork:
    """A fork that goes wherever a 3xx says."""
    targets = [[Target(uri) for uri in group] for group in groups]
    redirects = Redirects("sip:bob@example.com", lambda uri: [Target(uri)])
    return stage.context.fork(ForkRequest(targets, redirects=redirects, decides=True), 0.0)


def moved(stage: Stage, fork: Fork, uri: str, *contacts: str) -> None:
    """A branch answers 302."""
    headers = [("Contact", f"<{contact}>") for contact in contacts]
    branch = next(each for each in fork.branches if each.target.uri == uri)
    fork.final(branch, response(302, headers=headers), stage.outlet.now)


@pytest.mark.rfc("3261", "16.7")
def test_a_redirection_takes_the_place_of_its_branch() -> None:
    stage = Stage()
    fork = following(stage, [A])
    moved(stage, fork, A, B)
    assert stage.outlet.of("send") == [A, B]
    assert [branch.breadth for branch in fork.branches] == [0, 60]
    stage.hear(fork, B, 486)
    assert stage.outlet.of("answer") == [486]  # not the 302, of which nothing is left


def test_a_loop_of_redirections_is_482() -> None:
    stage = Stage()
    fork = following(stage, [A])
    moved(stage, fork, A, B)
    moved(stage, fork, B, C)
    moved(stage, fork, C, A)
    assert stage.outlet.of("send") == [A, B, C]
    assert stage.outlet.of("answer") == [482]


def test_a_redirection_joins_what_rings_and_does_not_join_what_is_over() -> None:
    stage = Stage()
    fork = following(stage, [A, B])
    stage.hear(fork, B, 180)
    moved(stage, fork, A, C)
    assert stage.outlet.of("send") == [A, B, C]
    stage.hear(fork, B, 200)
    moved(stage, fork, C, "sip:d@192.0.2.14")
    assert stage.outlet.of("send") == [A, B, C]
    assert stage.outlet.of("up") == [180, 200]


def test_nobody_is_redirected_after_the_caller_gave_up() -> None:
    stage = Stage()
    fork = following(stage, [A])
    stage.hear(fork, A, 180)
    stage.context.cancel("", 0.0)
    moved(stage, fork, A, B)
    assert stage.outlet.of("send") == [A]
    assert stage.outlet.of("answer") == [487]


@pytest.mark.rfc("5393", "5.3.3")
@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_the_breadth_is_kept_and_the_request_is_answered(seed: int) -> None:
    draw = random.Random(seed)
    breadth = draw.choice((1, 2, 3, 7, 60))
    stage = Narrow(breadth)
    contacts = iter([f"sip:n{number}@192.0.2.{20 + number}" for number in range(200)])
    forks = [
        following(stage, *[[next(contacts) for _ in range(draw.randint(1, 4))] for _ in range(2)])
    ]
    for _ in range(60):
        running = [
            branch
            for fork in forks
            for branch in fork.branches
            if branch.breadth or branch.unwanted
        ]
        active = [branch for branch in running if not branch.ended]
        assert sum(branch.breadth for branch in active) == stage.context.used <= breadth
        if not active:
            break
        branch = draw.choice(active)
        fork = next(each for each in forks if branch in each.branches)
        status = draw.choice((180, 302, 302, 404, 486, 503))
        headers = [("Contact", f"<{next(contacts)}>") for _ in range(draw.randint(0, 3))]
        if status < 200:
            fork.provisional(branch, response(status), stage.outlet.now)
        else:
            fork.final(branch, response(status, headers=headers), stage.outlet.now)
        if draw.random() < 0.1 and forks[0].open:
            stage.context.add(forks[0], Target(next(contacts)), stage.outlet.now)
    stage.outlet.advance(400)
    for fork in forks:
        for branch in [each for each in fork.branches if not each.ended]:
            branch.end(408, None, stage.outlet.now)
    assert len(stage.outlet.of("answer")) == 1
    assert stage.context.used == 0


@pytest.mark.rfc("5393", "5.3.3")
@pytest.mark.parametrize("breadth", [1, 60])
def test_any_number_of_targets_may_fail_at_once(breadth: int) -> None:
    stage = Stage()
    stage.context.breadth = breadth
    gone = [Target(f"sip:{number}@192.0.2.11", by_flow=True) for number in range(1000)]
    fork = stage.context.fork(ForkRequest([gone]), stage.outlet.now)
    assert fork.outcome is not None
    assert fork.outcome.status == 480
    assert (stage.context.pending, stage.context.used) == (0, 0)


def test_any_number_of_groups_may_fail_one_after_the_other() -> None:
    stage = Stage()
    gone = [[Target(f"sip:{number}@192.0.2.11", by_flow=True)] for number in range(1000)]
    fork = stage.context.fork(ForkRequest(gone), stage.outlet.now)
    assert fork.outcome is not None
    assert fork.outcome.status == 480
