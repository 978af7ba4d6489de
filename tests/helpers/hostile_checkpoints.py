# SPDX-License-Identifier: GPL-2.0-or-later
"""Checkpoints that harm whoever looks into them carelessly: small files that become gigabytes, hang, or lie."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from typing import Callable, Dict

from tests.helpers.checkpoint_files import clip_shapes

PROTO, STOP = b"\x80\x02", b"."
OLD_START = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)


def zipped(data: bytes, method: int = zipfile.ZIP_STORED, **members: bytes) -> bytes:
    """An archive as PyTorch writes it, with the given pickle."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("archive/data.pkl", data)
        for name, content in members.items():
            archive.writestr(f"archive/{name}", content)
    return stream.getvalue()


def header(content: object) -> bytes:
    """A safetensors file that consists of its header."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return len(text).to_bytes(8, "little") + text


def nested(opcode: bytes, n: int) -> bytes:
    """A container in a container, ``n`` deep, as the content of a pickle."""
    return PROTO + b")" + opcode * n + STOP


def doubled_tuple() -> bytes:
    """A tuple of twice the same tuple of twice the same tuple ...: 2^60 leaves in 190 bytes."""
    return b")" + b"2\x86" * 60


def entry(shape: object, offsets: object = (0, 4), dtype: str = "F32") -> Dict[str, object]:
    """A tensor of a safetensors header."""
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def bomb() -> bytes:
    """A member that says nothing and unpacks to 2 GiB."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}, 2))
        with archive.open("archive/byteorder", "w", force_zip64=True) as member:
            for _ in range(2048):
                member.write(bytes(2**20))
    return stream.getvalue()


def encrypted() -> bytes:
    """An archive whose members claim to be encrypted."""
    data = bytearray(zipped(pickle.dumps({}, 2)))
    data[6] |= 1
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def broken_stream(method: int) -> bytes:
    """An archive with packed bytes that cannot be unpacked."""
    data = bytearray(zipped(pickle.dumps({"a": "b" * 5000}, 2), method))
    begin = data.find(b"data.pkl") + 8
    data[begin + 8 : begin + 40] = b"\xff" * 32
    return bytes(data)


def many_members() -> bytes:
    """An archive with a list of members that takes a gigabyte of memory."""
    one = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    n = 1_500_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, n & 0xFFFF, n & 0xFFFF, n * len(one), 4, 0)
    return b"PK\x03\x04" + one * n + end


def odd_clip(**sizes: object) -> bytes:
    """A CLIP by its names, with other shapes."""
    shapes = {**clip_shapes(), **sizes}
    return header({name: entry(list(shape), [0, 0], "F32") for name, shape in shapes.items()})


CORPUS: Dict[str, Callable[[], bytes]] = {
    "memo-index": lambda: zipped(PROTO + b"}r\xff\xff\xff\x7f" + STOP),
    "memo-index-old": lambda: OLD_START + PROTO + b"}r\xff\xff\xff\x7f" + STOP,
    "memo-index-text": lambda: zipped(b"}p99999999999999\n."),
    "tuple-key": lambda: zipped(PROTO + b"}" + doubled_tuple() + b"K\x01s" + STOP),
    "tuple-word": lambda: zipped(b"\x80\x04" + doubled_tuple() + doubled_tuple() + b"\x93" + STOP),
    "tuple-persistent-id": lambda: zipped(PROTO + doubled_tuple() + b"Q" + STOP),
    "tuple-storage": lambda: zipped(PROTO + b"(X\x07\x00\x00\x00storage" + doubled_tuple() + b"0K\x01K\x01tQ" + STOP),
    "tuple-in-set": lambda: zipped(b"\x80\x04\x8f(" + doubled_tuple() + b"\x90" + STOP),
    "tuple-shape": lambda: zipped(PROTO + b"ctorch\nSize\n" + doubled_tuple() + b"\x85R" + STOP),
    "deep-lists": lambda: zipped(PROTO + b"]" * 300_000 + b"a" * 299_999 + STOP),
    "deep-tuples": lambda: zipped(nested(b"\x85", 400_000)),
    "many-instructions": lambda: zipped(PROTO + b"N0" * 8_000_000 + b"N" + STOP),
    "many-words": lambda: zipped(PROTO + b"cnumpy\nx\n0" * 2_000_000 + b"N" + STOP),
    "many-objects": lambda: zipped(PROTO + b"cnumpy\nx\nq\x000" + b"h\x00)R" * 4_000_000 + STOP),
    "copied-again": lambda: zipped(
        PROTO + b"ctorch\nSize\nq\x000(" + b"K\x01" * 100_000 + b"tq\x010" + b"h\x00h\x01\x85R0" * 50_000 + b"N" + STOP
    ),
    "dict-copied-again": lambda: zipped(
        PROTO
        + b"ccollections\nOrderedDict\nq\x000]("
        + b"K\x01K\x02\x86" * 50_000
        + b"eq\x010"
        + b"h\x00h\x01\x85R" * 50_000
        + STOP
    ),
    "long-number": lambda: zipped(PROTO + b"\x8b" + (8_000_000).to_bytes(4, "little") + b"\x7f" * 8_000_000 + STOP),
    "long-decimal": lambda: zipped(b"L" + b"9" * 10_000_000 + b"L\n."),
    "long-integer": lambda: zipped(b"I" + b"9" * 10_000_000 + b"\n."),
    "long-key": lambda: zipped(PROTO + b"}X" + (2**24).to_bytes(4, "little") + b"k" * 2**24 + b"K\x01s" + STOP),
    "huge-text-cut": lambda: zipped(b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f" + b"ab" + STOP),
    "huge-text-cut-old": lambda: OLD_START + b"\x80\x04\x8e" + b"\x00" * 5 + b"\x7f\x00\x00" + b"ab" + STOP,
    "extension": lambda: zipped(PROTO + b"\x82\x01" + STOP),
    "out-of-band": lambda: zipped(b"\x80\x05\x97" + STOP),
    "runs-code": lambda: zipped(b"cos\nsystem\n(S'exit 1'\ntR."),
    "empty-stack": lambda: zipped(PROTO + STOP),
    "no-mark": lambda: zipped(PROTO + b"Nt" + STOP),
    "no-end": lambda: zipped(PROTO + b"N" * 100),
    "loop": lambda: zipped(PROTO + b"}q\x00X\x01\x00\x00\x00ah\x00s" + STOP),
    "web": lambda: zipped(
        PROTO
        + b"}q\x00"
        + b"".join(
            b"0}q" + bytes([n + 1]) + b"(X\x01\x00\x00\x00ah" + bytes([n]) + b"X\x01\x00\x00\x00bh" + bytes([n]) + b"u"
            for n in range(60)
        )
        + STOP
    ),
    "zip-bomb-byteorder": bomb,
    "zip-bomb-pickle": lambda: zipped(bytes(300 * 2**20), zipfile.ZIP_DEFLATED),
    "encrypted": encrypted,
    "broken-deflate": lambda: broken_stream(zipfile.ZIP_DEFLATED),
    "broken-lzma": lambda: broken_stream(zipfile.ZIP_LZMA),
    "broken-bzip2": lambda: broken_stream(zipfile.ZIP_BZIP2),
    "many-members": many_members,
    "zip-start-alone": lambda: b"PK\x03\x04" + b"\x00" * 100,
    "shape-infinite": lambda: header(b'{"a": {"dtype": "F32", "shape": [Infinity], "data_offsets": [0, 4]}}'),
    "shape-1e999": lambda: header(b'{"a": {"dtype": "F32", "shape": [1e999], "data_offsets": [0, 4]}}'),
    "shape-nan": lambda: header(b'{"a": {"dtype": "F32", "shape": [NaN], "data_offsets": [0, 4]}}'),
    "shape-of-many": lambda: header({"a": entry([2**40] * 500_000)}),
    "shape-negative": lambda: header({"a": entry([-1, -1])}),
    "shape-text": lambda: header({"a": entry("12")}),
    "offsets-three": lambda: header({"a": entry([1], [0, 1, 2])}),
    "type-list": lambda: header({"a": {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]}}),
    "metadata-number": lambda: header({"__metadata__": 5, "a": entry([0], [0, 0])}),
    "metadata-list": lambda: header({"__metadata__": [1], "a": entry([0], [0, 0])}),
    "metadata-nested": lambda: header({"__metadata__": {"open_clip_config": {"a": 1}}, "a": entry([0], [0, 0])}),
    "config-list": lambda: header({"__metadata__": {"open_clip_config": "[1]"}, "a": entry([0], [0, 0])}),
    "compact-list": lambda: header({"__metadata__": {"special_compact_clip": "[1]"}, "a": entry([0], [0, 0])}),
    "compact-config": lambda: header(
        {"__metadata__": {"special_compact_clip": '{"config": {"vision_cfg": [], "text_cfg": 1}}'}}
    ),
    "header-deep": lambda: header(b'{"a":' + b"[" * 3_000_000),
    "header-number": lambda: header(b'{"a":' + b"9" * 3_000_000 + b"}"),
    "header-list": lambda: header(b"{}" + b" " * 20),
    "header-of-mappings": lambda: header(b'{"a":[' + b"{}," * 10_000_000 + b"{}]}"),
    "name-long": lambda: header({"n" * 3_000_000: entry([0], [0, 0])}),
    "name-digits": lambda: header(
        {f"visual.transformer.resblocks.{'9' * 5000}.attn.in_proj_weight": entry([0], [0, 0])}
    ),
    "clip-of-nothing": lambda: odd_clip(**{"visual.conv1.weight": (0, 3, 8, 8)}),
    "clip-without-width": lambda: odd_clip(**{"token_embedding.weight": (49408, 0)}),
}
