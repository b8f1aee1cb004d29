"""A binding and what its parameters say."""

import pytest

from offhook.registrar import Binding


@pytest.mark.rfc("5626", "4.2")
@pytest.mark.parametrize(
    ("parameters", "number"),
    [
        ("", 0),
        (";reg-id=2", 2),
        (";+sip.rendering;REG-ID=1;ob", 1),
        (";reg-id=0x1", 0),
        (";not-reg-id=3", 0),
    ],
)
def test_which_flow_of_its_phone_it_is(parameters: str, number: int) -> None:
    binding = Binding(
        "sip:a@h", "sip:a@1", 2000.0, 1000, "c", 1, "u", (), "f", False, "", 0.0, parameters
    )
    assert binding.reg_id == number
