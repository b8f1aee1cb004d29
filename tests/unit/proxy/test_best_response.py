"""The choice among final responses (RFC 3261 16.7 step 6)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from offhook.message import Message
from offhook.proxy.best_response import best, challenges
from tests.unit.proxy.outlet import response


@dataclass
class Ended:
    """A branch that has ended."""

    status: int
    response: Message | None = None


def ended(status: int) -> Ended:
    """A branch with a response of a peer."""
    return Ended(status, response(status))


def test_nobody_is_none() -> None:
    assert best([]) is None


@pytest.mark.rfc("3261", "16.7")
@pytest.mark.parametrize(
    ("statuses", "chosen"),
    [
        ([486, 603], 603),
        ([603, 606], 603),
        ([404, 486], 486),
        ([480, 486], 486),
        ([404, 480], 480),
        ([487, 480], 480),
        ([408, 404], 404),
        ([403, 488], 403),
        ([486, 422], 422),
        ([407, 401], 401),
        ([500, 404], 404),
        ([302, 486], 302),
        ([480, 407], 407),
        ([486, 415], 415),
        ([503, 500], 500),
        ([501, 503], 501),
        ([408, 486], 486),
        ([408, 500], 408),
        ([440, 603], 603),
    ],
)
def test_the_best_of_several(statuses: list[int], chosen: int) -> None:
    candidates = [ended(status) for status in statuses]
    found = best(candidates)
    assert found is not None
    assert found.status == chosen


def test_a_received_answer_tells_more_than_our_own() -> None:
    own, received = Ended(480), ended(404)
    assert best([own, received]) is received


def test_6xx_wins_over_everything() -> None:
    assert best([ended(302), ended(407), Ended(603)]) is not None
    found = best([ended(302), ended(407), ended(600)])
    assert found is not None
    assert found.status == 600


@pytest.mark.rfc("3261", "16.7")
def test_challenges_of_the_other_branches_are_collected() -> None:
    one = Ended(407, response(407, headers=[("Proxy-Authenticate", 'Digest realm="one"')]))
    two = Ended(401, response(401, headers=[("WWW-Authenticate", 'Digest realm="two"')]))
    busy = ended(486)
    assert challenges([one, two, busy], one) == (("WWW-Authenticate", 'Digest realm="two"'),)
    assert challenges([one, two, busy], busy) == ()
