"""The public file of addresses: what it says is read, what it cannot mean is refused."""

import json
from pathlib import Path

import pytest

from mpc.errors import InputError
from mpc.net.addresses import MAX_PARTIES, Address, Addresses, read_addresses, write_addresses

GIVEN = {
    "session": "hospitals",
    "parties": ["10.0.0.1:7000", "party.example.org:7000"],
    "dealer": "[fd00::3]:7000",
}


def with_file(tmp_path: Path, value: object) -> Addresses:
    path = tmp_path / "network.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return read_addresses(path)


def test_what_stands_in_the_file_is_read(tmp_path: Path) -> None:
    found = with_file(tmp_path, GIVEN)
    assert found.session == "hospitals"
    assert found.parties == (Address("10.0.0.1", 7000), Address("party.example.org", 7000))
    assert found.dealer == Address("fd00::3", 7000)
    assert list(found.by_role()) == ["party:0", "party:1", "dealer"]


def test_what_is_written_is_read_and_never_overwritten(tmp_path: Path) -> None:
    addresses = Addresses.from_json(GIVEN)
    write_addresses(tmp_path / "network.json", addresses)
    assert read_addresses(tmp_path / "network.json") == addresses
    assert json.loads((tmp_path / "network.json").read_text()) == GIVEN
    with pytest.raises(InputError, match="is there already"):
        write_addresses(tmp_path / "network.json", addresses)
    with pytest.raises(InputError, match="cannot write"):
        write_addresses(tmp_path / "absent" / "network.json", addresses)


def test_the_limit_on_parties_is_the_sessions() -> None:
    from mpc.session import session

    assert vars(session)["MAX_PARTIES"] == MAX_PARTIES


@pytest.mark.parametrize(
    "text", ["10.0.0.1:1", "localhost:65535", "a-b.c:80", "[::1]:7000", "node_1:7000"]
)
def test_addresses_are_written_as_they_are_read(text: str) -> None:
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", ":7000", "host", "host:", "host:0", "host:65536", "host:-1", "host:7e3", "host:123456"]
    + ["fd00::1:7000", "[fd00::1]", "[host]:7000", "[10.0.0.1]:7000", "[fd00::g]:7000"]
    + ["300.0.0.1:7000", "10.0.1:7000", "a b:7000", "-a:7000", "a..b:7000", "host:7000\n"]
    + ["0.0.0.0:7000", "[::]:7000", "224.0.0.1:7000", "http://host:7000", "h\u00f6st:7000"]
    + ["host:\u0667\u0660", "a" * 254 + ":7000"],
)
def test_other_text_is_no_address(text: str) -> None:
    with pytest.raises(InputError) as refused:
        Address.parse(text)
    assert text.rsplit(":", 1)[0].strip("[]") in str(refused.value)


def without(key: str) -> dict[str, object]:
    return {name: value for name, value in GIVEN.items() if name != key}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{", "not valid JSON"),
        ([], "session, parties, dealer"),
        (without("session"), "'session' is missing"),
        (without("dealer"), "'dealer' is missing"),
        ({**GIVEN, "delaer": "a:1"}, "unknown key 'delaer'"),
        ({**GIVEN, "session": ""}, "session ''"),
        ({**GIVEN, "session": "a b"}, "session 'a b'"),
        ({**GIVEN, "session": 3}, "session must be a string"),
        ({**GIVEN, "parties": "a:1"}, "must be a list"),
        ({**GIVEN, "parties": ["a:1"]}, "1 parties named; 2 to 5"),
        ({**GIVEN, "parties": [f"a:{port}" for port in range(1, 7)]}, "6 parties named; 2 to 5"),
        ({**GIVEN, "parties": ["a:1", 2]}, "a party's address must be a string"),
        ({**GIVEN, "dealer": None}, "dealer must be a string"),
        ({**GIVEN, "dealer": "a:70000"}, "port 70000"),
        ({**GIVEN, "parties": ["a:1", "a:1"]}, "party:1 has the address of party:0, a:1"),
        ({**GIVEN, "parties": ["a:1", "A:1"]}, "party:1 has the address of party:0"),
        ({**GIVEN, "parties": ["a:1", "[fd00:0::3]:7000"]}, "dealer has the address of party:1"),
    ],
)
def test_a_wrong_file_is_refused_by_name_and_reason(
    tmp_path: Path, value: object, said: str
) -> None:
    with pytest.raises(InputError) as refused:
        with_file(tmp_path, value)
    assert said in str(refused.value)
    assert "network.json" in str(refused.value)


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "network.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(GIVEN).encode())
    assert read_addresses(path) == Addresses.from_json(GIVEN)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (json.dumps(GIVEN).encode("utf-16"), "is no UTF-8 text"),
        (b"[" * 100_000, "is not valid JSON"),
        (b"", "is not valid JSON"),
        (b"\xef\xbb\xbf", "is not valid JSON"),
    ],
)
def test_another_encoding_or_depth_is_refused_by_name(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "network.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"network.json {said}"):
        read_addresses(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent.json: No such file"):
        read_addresses(tmp_path / "absent.json")


@pytest.mark.parametrize("count", [2, 5])
def test_two_to_five_parties_and_one_host_for_all_are_fine(tmp_path: Path, count: int) -> None:
    parties = [f"localhost:{7000 + rank}" for rank in range(count)]
    found = with_file(tmp_path, {**GIVEN, "parties": parties, "dealer": "localhost:6999"})
    assert [str(address) for address in found.parties] == parties
