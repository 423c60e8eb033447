"""The kept bytes of tests/vectors: read and written by the client, and by plain MessagePack."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgpack
import pytest

from corrente import Format, WireError, jpeg, wire

FOLDER = Path(__file__).parents[1] / "vectors"
KINDS = {kind.__struct_config__.tag: kind for kind in wire.AnyMessage.__args__}


def vectors(name):
    lines = (FOLDER / name).read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


MESSAGES = vectors("messages.jsonl")
REFUSED = vectors("refused.jsonl")


def data(said):
    """Bytes as a vector says them: hex, a repetition, or a list of both."""
    match said:
        case str():
            return bytes.fromhex(said)
        case {"repeat": once, "times": times}:
            return bytes.fromhex(once) * times
        case _:
            return b"".join(map(data, said))


def read(frames: list[bytes]) -> tuple[list[Any], bytes]:
    """The header and the payload of a message, as another language would read them."""
    head = frames[0]
    length = int.from_bytes(head[:2], "little")
    start = (2 + length + 63) // 64 * 64
    payload = frames[1] if len(frames) == 2 else head[start:]
    return msgpack.unpackb(head[2 : 2 + length]), payload


def message(tag, fields):
    """The message object that a vector tells of."""
    return KINDS[tag](**{name: value(name, said) for name, said in fields.items()})


def value(name: str, said: Any) -> Any:
    match name, said:
        case "instance" | "daemon", _:
            return bytes.fromhex(said)
        case "format", _:
            return Format(**{key: value(key, part) for key, part in said.items()})
        case "origin" | "stride", _:
            return Fraction(*said)
        case "blocks", list():
            return tuple(wire.Block(*fields) for _, *fields in said)
        case "acks", list():
            return tuple(wire.Ack(*fields) for _, *fields in said)
        case _, list():
            return tuple(said)
        case _:
            return said


def plain(field: Any) -> Any:
    return field.hex() if isinstance(field, bytes) else field


def each(vectors):
    return pytest.mark.parametrize("vector", vectors, ids=lambda vector: vector["name"])


@each(MESSAGES)
def test_a_vector_is_read_as_the_message_it_tells_of(vector):
    read_message, payload = wire.decode([data(frame) for frame in vector["frames"]])
    assert read_message == message(vector["tag"], vector["fields"])
    assert payload == data(vector["payload"])


@each([vector for vector in MESSAGES if not vector.get("only_read")])
def test_a_message_is_written_to_the_byte_as_its_vector(vector):
    written = wire.encode(message(vector["tag"], vector["fields"]), data(vector["payload"]))
    assert list(map(bytes, written)) == [data(frame) for frame in vector["frames"]]


@each(MESSAGES)
def test_plain_messagepack_reads_a_vector_as_well(vector):
    (tag, *fields), payload = read([data(frame) for frame in vector["frames"]])
    assert tag == vector["tag"]
    assert payload == data(vector["payload"])
    told = vector["fields"]
    if not vector.get("only_read"):
        assert list(map(plain, fields)) == list(told.values())
    for name, said, field in zip(told, told.values(), fields, strict=False):
        if name == "format":
            assert said | field == field | said  # what both have is the same
        else:
            assert said == plain(field)


@each(REFUSED)
def test_what_is_no_message_raises(vector):
    with pytest.raises(WireError):
        wire.decode([data(frame) for frame in vector["frames"]])


def test_every_message_has_a_vector_that_is_written():
    written = {vector["tag"] for vector in MESSAGES if not vector.get("only_read")}
    assert written == set(KINDS)


def test_every_message_with_defaults_has_a_vector_without_them():
    with_defaults = {tag for tag, kind in KINDS.items() if kind.__struct_defaults__}
    assert with_defaults == {
        vector["tag"] for vector in MESSAGES if vector["name"].endswith(" left short")
    }


def test_no_two_vectors_share_a_name_or_their_bytes():
    for kept in (MESSAGES, REFUSED):
        assert len({vector["name"] for vector in kept}) == len(kept)
        assert len({json.dumps(vector["frames"]) for vector in kept}) == len(kept)


def test_the_payload_of_jpegs_is_a_jpeg_behind_the_size_of_each():
    simplejpeg = pytest.importorskip("simplejpeg")
    [vector] = [vector for vector in MESSAGES if vector["name"] == "block of two jpegs"]
    parts = jpeg.split(memoryview(data(vector["payload"])), vector["fields"]["count"])
    shades = [simplejpeg.decode_jpeg(part, "GRAY")[..., 0] for part in parts]
    assert [shade.shape for shade in shades] == [(8, 8), (8, 8)]
    # T.81: 128, and a constant of 64 in the cosine transform's first place, which is 64 / 8.
    assert [set(shade.flat) for shade in shades] == [{128}, {136}]
