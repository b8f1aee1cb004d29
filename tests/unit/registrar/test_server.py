"""What REGISTERs make of bindings."""

import pytest

from offhook.registrar import Binding, RegistrarPolicy, change
from tests.unit.registrar.registers import (
    INSTANCE,
    NOW,
    Registrar,
    contacts_of,
    registration,
)

OTHER = "<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"


@pytest.mark.rfc("3261", "10.3")
def test_a_first_contact_is_bound_and_listed() -> None:
    registrar = Registrar()
    update = registrar.register("<sip:alice@192.0.2.1>;expires=600")
    assert (update.status, update.reason) == (200, "OK")
    assert update.headers == [("Contact", "<sip:alice@192.0.2.1>;expires=600")]
    assert update.bindings == [
        Binding(
            "sip:alice@example.com",
            "sip:alice@192.0.2.1",
            NOW + 600,
            1000,
            "one",
            1,
            "",
            (),
            "udp/a/b",
            False,
            "",
            NOW,
        )
    ]


@pytest.mark.rfc("3261", "10.3")
def test_all_bindings_are_listed_with_what_is_left_of_them() -> None:
    registrar = Registrar()
    registrar.register("<sip:alice@192.0.2.1>;expires=600;q=0.5;audio")
    update = registrar.register(
        f'<sip:alice@192.0.2.2>;expires=700;+sip.instance="{INSTANCE}"',
        call_id="two",
        now=NOW + 100,
    )
    assert contacts_of(update) == [
        "<sip:alice@192.0.2.1>;expires=500;audio;q=0.5",
        f'<sip:alice@192.0.2.2>;expires=700;+sip.instance="{INSTANCE}"',
    ]


@pytest.mark.rfc("3261", "10.2.3")
def test_a_request_without_contact_lists_and_changes_nothing() -> None:
    registrar = Registrar()
    registrar.register("<sip:alice@192.0.2.1>")
    before = registrar.bindings
    update = registrar.register(call_id="another")
    assert contacts_of(update) == ["<sip:alice@192.0.2.1>;expires=3600"]
    assert registrar.bindings == before
    assert change((), registration(), NOW).headers == []


def test_a_refresh_replaces_and_takes_over_flow_and_user_agent() -> None:
    registrar = Registrar()
    registrar.register("<sip:alice@192.0.2.1>", flow="tcp/a/b/1", by_flow=True)
    registrar.register(
        "<sip:alice@192.0.2.1>",
        flow="tcp/a/b/2",
        by_flow=True,
        headers=["User-Agent: new"],
        now=NOW + 60,
    )
    (binding,) = registrar.bindings
    assert (binding.flow, binding.user_agent, binding.registered) == ("tcp/a/b/2", "new", NOW + 60)
    assert binding.expires == NOW + 3660


@pytest.mark.rfc("3261", "19.1.4")
@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("sip:alice@h.example", "sip:alice@H.EXAMPLE", True),
        ("sip:%61lice@h.example", "sip:alice@h.example", True),
        ("sip:alice@h.example;x=1", "sip:alice@h.example", True),
        ("sip:alice@h.example;transport=tcp", "sip:alice@h.example", False),
        ("sip:alice@h.example;transport=TCP", "sip:alice@h.example;transport=tcp", True),
        ("sip:Alice@h.example", "sip:alice@h.example", False),
        ("sip:alice@h.example:5060", "sip:alice@h.example", False),
        ("sip:alice@[2001:db8::1]", "sip:alice@[2001:DB8:0::1]", True),
        ("sips:alice@h.example", "sip:alice@h.example", True),
        ("sip:%00@h.example", "sip:%00%00@h.example", False),
    ],
)
def test_contacts_are_compared_as_uris(first: str, second: str, same: bool) -> None:
    registrar = Registrar()
    registrar.register(f"<{first}>")
    registrar.register(f"<{second}>")
    assert registrar.contacts == ([second] if same else [first, second])


@pytest.mark.rfc("3261", "10.3")
@pytest.mark.parametrize("cseq", [5, 4])
@pytest.mark.parametrize("expires", [0, 600])
def test_within_a_call_id_only_a_higher_cseq_changes_anything(cseq: int, expires: int) -> None:
    registrar = Registrar()
    registrar.register("<sip:alice@192.0.2.1>", cseq=5)
    before = registrar.bindings
    update = registrar.register(f"<sip:alice@192.0.2.1>;expires={expires}", cseq=cseq)
    assert update.status == 500
    assert update.headers == []
    assert registrar.bindings == before
    assert registrar.register("<sip:alice@192.0.2.1>", cseq=6).status == 200


@pytest.mark.rfc("3261", "10.3")
@pytest.mark.parametrize("cseq", [1, 5, 9])
def test_another_call_id_replaces_whatever_its_cseq(cseq: int) -> None:
    registrar = Registrar()
    registrar.register("<sip:alice@192.0.2.1>", cseq=5)
    update = registrar.register("<sip:alice@192.0.2.1>", call_id="reboot", cseq=cseq)
    assert update.status == 200
    assert [binding.call_id for binding in registrar.bindings] == ["reboot"]


@pytest.mark.rfc("3261", "10.3")
def test_all_contacts_change_or_none() -> None:
    registrar = Registrar()
    registrar.register("<sip:old@192.0.2.1>", cseq=5)
    registrar.register("<sip:other@192.0.2.2>", call_id="two", cseq=1)
    before = registrar.bindings
    update = registrar.register(
        "<sip:new@192.0.2.3>", "<sip:other@192.0.2.2>;expires=0", "<sip:old@192.0.2.1>", cseq=5
    )
    assert update.status == 500
    assert registrar.bindings == before


def test_one_request_adds_refreshes_and_removes() -> None:
    registrar = Registrar()
    registrar.register("<sip:a@h>", "<sip:b@h>")
    registrar.register("<sip:a@h>;expires=0", "<sip:b@h>;expires=100", "<sip:c@h>")
    assert registrar.contacts == ["sip:b@h", "sip:c@h"]
    assert registrar.bindings[0].expires == NOW + 100


def test_a_contact_named_twice_in_one_request_counts_once() -> None:
    registrar = Registrar()
    update = registrar.register("<sip:a@h>;q=0.1", "<sip:a@H>;q=0.2")
    assert contacts_of(update) == ["<sip:a@H>;expires=3600;q=0.2"]


@pytest.mark.rfc("3261", "10.2.2")
def test_zero_removes_and_removing_nothing_is_no_fault() -> None:
    registrar = Registrar()
    registrar.register("<sip:a@h>", "<sip:b@h>")
    update = registrar.register("<sip:a@h>;expires=0")
    assert contacts_of(update) == ["<sip:b@h>;expires=3600"]
    assert registrar.register("<sip:nobody@h>;expires=0").status == 200


@pytest.mark.rfc("3261", "10.3")
def test_the_wildcard_removes_all_of_any_call_id() -> None:
    registrar = Registrar()
    registrar.register("<sip:a@h>")
    registrar.register("<sip:b@h>", call_id="two")
    update = registrar.register("*", call_id="three", headers=["Expires: 0"])
    assert (update.status, update.headers) == (200, [])
    assert registrar.bindings == ()


@pytest.mark.rfc("3261", "10.3")
def test_a_late_wildcard_removes_nothing() -> None:
    registrar = Registrar()
    registrar.register("<sip:a@h>", cseq=9)
    update = registrar.register("*", cseq=8, headers=["Expires: 0"])
    assert update.status == 500
    assert registrar.contacts == ["sip:a@h"]


@pytest.mark.rfc("3261", "10.3")
def test_a_refusal_leaves_everything() -> None:
    registrar = Registrar()
    registrar.register("<sip:a@h>")
    before = registrar.bindings
    update = registrar.register("<sip:b@h>", "<sip:a@h>;expires=10")
    assert (update.status, update.reason) == (423, "Interval Too Brief")
    assert update.headers == [("Min-Expires", "60")]
    assert registrar.bindings == before


def test_expired_bindings_are_neither_listed_nor_kept_nor_compared() -> None:
    registrar = Registrar()
    registrar.register("<sip:a@h>;expires=60", cseq=5)
    update = registrar.register("<sip:a@h>", cseq=4, now=NOW + 60)
    assert update.status == 200
    registrar.register("<sip:a@h>;expires=60", cseq=6)
    assert contacts_of(registrar.register(now=NOW + 4000)) == []
    assert registrar.bindings == ()


def test_what_is_left_of_a_live_binding_is_never_shown_as_zero() -> None:
    registrar = Registrar()
    registrar.register("<sip:a@h>;expires=60")
    assert contacts_of(registrar.register(now=NOW + 59.8)) == ["<sip:a@h>;expires=1"]


def test_more_contacts_than_allowed_are_a_403_and_refreshes_still_work() -> None:
    registrar = Registrar(RegistrarPolicy(max_contacts=2))
    registrar.register("<sip:a@h>", "<sip:b@h>")
    update = registrar.register("<sip:c@h>", call_id="two")
    assert update.status == 403
    assert registrar.contacts == ["sip:a@h", "sip:b@h"]
    assert registrar.register("<sip:b@h>").status == 200
    assert registrar.register("<sip:a@h>;expires=0", "<sip:c@h>").status == 200
    assert registrar.contacts == ["sip:b@h", "sip:c@h"]
    lowered = Registrar(RegistrarPolicy(max_contacts=1))
    lowered.bindings = registrar.bindings
    assert lowered.register("<sip:b@h>;expires=0", cseq=50).status == 200


def test_an_instance_is_replaced_whatever_its_address() -> None:
    registrar = Registrar()
    here = f';+sip.instance="{INSTANCE}"'
    registrar.register(f"<sip:alice@192.0.2.1>{here}", call_id="wifi", flow="udp/a/b")
    update = registrar.register(
        f"<sip:alice@198.51.100.7:4711>{here}", call_id="lte", cseq=1, flow="udp/a/c"
    )
    assert update.status == 200
    assert registrar.contacts == ["sip:alice@198.51.100.7:4711"]


def test_two_instances_behind_two_nats_may_have_the_same_private_address() -> None:
    registrar = Registrar()
    for instance, flow in ((INSTANCE, "udp/a/b"), (OTHER, "udp/a/c")):
        registrar.register(
            f'<sip:alice@192.168.1.2>;+sip.instance="{instance}"',
            call_id=instance,
            flow=flow,
            by_flow=True,
        )
    assert [binding.instance for binding in registrar.bindings] == [INSTANCE, OTHER]


def test_a_new_instance_at_the_same_reachable_address_replaces() -> None:
    registrar = Registrar()
    registrar.register(f'<sip:alice@192.0.2.1>;+sip.instance="{INSTANCE}"')
    registrar.register(f'<sip:alice@192.0.2.1>;+sip.instance="{OTHER}"', call_id="two")
    assert [binding.instance for binding in registrar.bindings] == [OTHER]
    registrar.register("<sip:alice@192.0.2.1>", call_id="three")
    assert [binding.instance for binding in registrar.bindings] == [""]


def test_a_phone_without_instance_that_comes_back_from_elsewhere_replaces() -> None:
    registrar = Registrar()
    registrar.register("<sip:alice@192.0.2.1:5060>", flow="udp/a/b")
    registrar.register("<sip:alice@198.51.100.7:4711>", flow="udp/a/c")
    assert registrar.contacts == ["sip:alice@198.51.100.7:4711"]


@pytest.mark.parametrize(
    ("contact", "call_id", "flow"),
    [
        ("sip:alice@198.51.100.7", "one", "udp/a/b"),  # same flow: a second address of one phone
        ("sip:alice@198.51.100.7", "two", "udp/a/c"),  # another Call-ID: another phone
        ("sip:line2@198.51.100.7", "one", "udp/a/c"),  # another line
        ("sip:alice@198.51.100.7;transport=tcp", "one", "udp/a/c"),
        ("sips:alice@198.51.100.7", "one", "udp/a/c"),
        ("tel:+1555", "one", "udp/a/c"),
    ],
)
def test_anything_else_without_instance_is_a_further_contact(
    contact: str, call_id: str, flow: str
) -> None:
    registrar = Registrar()
    registrar.register("<sip:alice@192.0.2.1>")
    registrar.register(f"<{contact}>", call_id=call_id, flow=flow)
    assert registrar.contacts == ["sip:alice@192.0.2.1", contact]


@pytest.mark.rfc("3327", "5.3")
def test_path_is_stored_and_shown_to_phones_that_know_it() -> None:
    registrar = Registrar()
    path = "Path: <sip:p1;lr>, <sip:p2;lr>"
    update = registrar.register("<sip:a@h>", headers=[path, "Supported: path"])
    assert ("Path", "<sip:p1;lr>, <sip:p2;lr>") in update.headers
    assert registrar.bindings[0].path == ("<sip:p1;lr>", "<sip:p2;lr>")
    update = registrar.register("<sip:b@h>", headers=[path])
    assert [name for name, _ in update.headers] == ["Contact", "Contact"]
    assert registrar.bindings[1].path == ("<sip:p1;lr>", "<sip:p2;lr>")


@pytest.mark.rfc("5626", "6")
def test_two_flows_of_one_instance_stand_side_by_side() -> None:
    registrar = Registrar(RegistrarPolicy(outbound=True))
    supported = ["Supported: outbound, path"]
    for reg_id in (1, 2):
        update = registrar.register(
            f'<sip:a@h>;reg-id={reg_id};+sip.instance="{INSTANCE}"',
            headers=supported,
            flow=f"tcp/{reg_id}",
            by_flow=True,
        )
        assert ("Require", "outbound") in update.headers
    registrar.register(
        f'<sip:a@moved>;reg-id=2;+sip.instance="{INSTANCE}"', headers=supported, flow="tcp/3"
    )
    assert [(b.contact, b.flow) for b in registrar.bindings] == [
        ("sip:a@h", "tcp/1"),
        ("sip:a@moved", "tcp/3"),
    ]
    assert "reg-id=2" in contacts_of(registrar.register())[1]
    registrar.register(f'<sip:a@h>;+sip.instance="{INSTANCE}"')  # outbound given up
    assert len(registrar.bindings) == 1


def test_a_stored_contact_that_cannot_be_read_any_more_harms_nobody() -> None:
    registrar = Registrar()
    registrar.register("<sip:a%40b@h>")
    registrar.bindings = [
        Binding(
            "sip:alice@example.com", "sip:%", NOW + 9, 1000, "one", 1, "", (), "f", False, "", NOW
        )
    ]
    assert registrar.register("<sip:a%40b@h>", cseq=9).status == 200
    assert len(registrar.bindings) == 2


@pytest.mark.rfc("3608", "6.3")
def test_a_service_route_is_told_to_whom_is_registered() -> None:
    route = ("sip:orig@192.0.2.1;lr", "sip:192.0.2.2;lr")
    registrar = Registrar(RegistrarPolicy(service_route=route))
    update = registrar.register("<sip:a@h>")
    told = ("Service-Route", "<sip:orig@192.0.2.1;lr>, <sip:192.0.2.2;lr>")
    assert told in update.headers
    assert told in registrar.register().headers
    assert told not in registrar.register("<sip:a@h>;expires=0").headers
