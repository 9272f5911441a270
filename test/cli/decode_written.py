"""Decodes the packed modules of a checkpoint with numpy alone, by the published layouts, and prints
{module: sha256 of the weight as little-endian f32 [out][in]}. Shares no code with fewbit: it is what its writers are held against.

    python3 decode_written.py FOLDER gptq|gptq_v2|gptq_p|awq|compressed-tensors|marlin
    python3 decode_written.py FILE gguf        a Llama: its linears under their names in safetensors
"""

import hashlib
import json
import pathlib
import sys

import numpy as np

folder, kind = pathlib.Path(sys.argv[1]), sys.argv[2]
dtypes = {"I32": "<u4", "I64": "<i8", "F16": "<f2", "BF16": "<u2", "F32": "<f4"}
tensors = {}
for path in sorted(folder.glob("*.safetensors")):
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    for name, info in json.loads(data[8 : 8 + size]).items():
        if name != "__metadata__" and info["dtype"] in dtypes:
            begin, end = info["data_offsets"]
            raw = np.frombuffer(data[8 + size + begin : 8 + size + end], dtypes[info["dtype"]])
            if info["dtype"] == "BF16":
                raw = (raw.astype("<u4") << 16).view("<f4")
            tensors[name] = raw.reshape(info["shape"])


def stream(words, bits, count):
    """The first `count` fields of each row of words, lowest bits first, across words."""
    flat = np.unpackbits(words.astype("<u4").view(np.uint8), axis=1, bitorder="little")
    fields = flat[:, : bits * count].reshape(len(words), count, bits).astype(np.int64)
    return (fields << np.arange(bits)).sum(axis=2)


def planes(words, bits, count):
    """Planar GPTQ: every 32 fields are planes of 4, 2 and 1 bits, lowest first, each in as many words."""
    if bits in (2, 4, 8):
        return stream(words, bits, count)
    result = np.zeros((len(words), count), np.int64)
    for block in range(count // 32):
        at, shift = bits * block, 0
        for width in {3: (2, 1), 5: (4, 1), 6: (4, 2), 7: (4, 2, 1)}[bits]:
            fields = stream(np.ascontiguousarray(words[:, at : at + width]), width, 32)
            result[:, 32 * block : 32 * block + 32] |= fields << shift
            at, shift = at + width, shift + width
    return result


def gptq(module):
    words, zeros, scales, groups = (tensors[f"{module}.{part}"] for part in ("qweight", "qzeros", "scales", "g_idx"))
    inputs, outputs = len(groups), words.shape[1]
    bits = 32 * words.shape[0] // inputs
    if kind == "gptq" and bits != 3:
        zeros = (zeros.astype(np.uint64) + {2: 0x55555555, 4: 0x11111111, 8: 0x01010101}[bits]).astype("<u4")
    unpack = planes if kind == "gptq_p" else stream
    z = unpack(np.ascontiguousarray(zeros), bits, outputs)
    if kind == "gptq" and bits == 3:
        z = (z + 1) & 7
    q = unpack(np.ascontiguousarray(words.T), bits, inputs)
    groups = groups.astype(np.int64)
    return (q - z[groups].T).astype(np.float32) * scales[groups].T.astype(np.float32)


def awq(module):
    words, zeros, scales = (tensors[f"{module}.{part}"] for part in ("qweight", "qzeros", "scales"))
    outputs = scales.shape[1]

    def unpack(packed):
        fields = (packed[:, :, None] >> (4 * np.arange(8, dtype=np.uint32))) & 15
        result = np.empty(fields.shape, np.int64)
        result[:, :, [0, 2, 4, 6, 1, 3, 5, 7]] = fields
        return result.reshape(len(packed), outputs)

    groups = np.arange(len(words)) // (len(words) // len(scales))
    return ((unpack(words) - unpack(zeros)[groups]).astype(np.float32) * scales[groups].astype(np.float32)).T


def compressed(module):
    words, scales = tensors[f"{module}.weight_packed"], tensors[f"{module}.weight_scale"]
    outputs, inputs = (int(size) for size in tensors[f"{module}.weight_shape"])
    bits = 32 * words.shape[1] // inputs
    groups = tensors.get(f"{module}.weight_g_idx", np.arange(inputs) // -(-inputs // scales.shape[1])).astype(np.int64)
    zeros = tensors.get(f"{module}.weight_zero_point")
    z = 2 ** (bits - 1) if zeros is None else stream(np.ascontiguousarray(zeros.T), bits, outputs).T[:, groups]
    return (stream(words, bits, inputs) - z).astype(np.float32) * scales[:, groups].astype(np.float32)


def marlin(module):
    words, scales = tensors[f"{module}.B"], tensors[f"{module}.s"]
    inputs, outputs, count = 16 * words.shape[0], scales.shape[1], scales.shape[0]
    # The permutations of IST-DASLab's `_get_perms`: 32 lanes, four sixteens of columns, then the order inside of a word.
    order = []
    for lane in range(32):
        one = [
            16 * row + lane // 4 + 8 * block
            for block in (0, 1)
            for row in (2 * (lane % 4), 2 * (lane % 4) + 1, 2 * (lane % 4 + 4), 2 * (lane % 4 + 4) + 1)
        ]
        order += [place + 256 * j for j in range(4) for place in one]
    order = np.array(order).reshape(-1, 8)[:, [0, 2, 4, 6, 1, 3, 5, 7]].ravel()
    fields = stream(words, 4, 2 * outputs * 8).reshape(-1, len(order))
    tiles = np.empty_like(fields)
    tiles[:, order] = fields
    q = tiles.reshape(inputs // 16, outputs // 16, 16, 16).transpose(0, 2, 1, 3).reshape(inputs, outputs)
    many = [i + 8 * j for i in range(8) for j in range(8)]
    single = [2 * i + j for i in range(4) for j in (0, 1, 8, 9, 16, 17, 24, 25)]
    places = np.array(many if count > 1 else single)
    stored = scales.reshape(-1, len(places))
    plain = np.empty_like(stored)
    plain[:, places] = stored
    groups = np.arange(inputs) // (inputs // count)
    return ((q - 8).astype(np.float32) * plain.reshape(count, outputs)[groups].astype(np.float32)).T


def read_gguf(path):
    """Tensors as (type, shape, bytes) and metadata, by the specification in ggml's docs/gguf.md."""
    data, at = path.read_bytes(), 0
    plain = {0: "<u1", 1: "<i1", 2: "<u2", 3: "<i2", 4: "<u4", 5: "<i4", 6: "<f4", 7: "<u1", 10: "<u8", 11: "<i8", 12: "<f8"}

    def number(kind):
        nonlocal at
        value = np.frombuffer(data, plain[kind], 1, at)[0]
        at += value.itemsize
        return value.item()

    def text():
        nonlocal at
        length = number(10)
        at += length
        return data[at - length : at].decode()

    def value(kind):
        if kind == 8:
            return text()
        if kind != 9:
            return number(kind)
        of = number(4)
        return [value(of) for _ in range(number(10))]

    assert data[:4] == b"GGUF"
    at = 4
    assert number(4) == 3
    count, keys = number(10), number(10)
    metadata = {}
    for _ in range(keys):
        key = text()
        metadata[key] = value(number(4))
    infos = []
    for _ in range(count):
        name = text()
        dimensions = [number(10) for _ in range(number(4))]
        infos.append((name, dimensions[::-1], number(4), number(10)))
    start = -(-at // 32) * 32
    return metadata, {name: (kind, shape, start + offset) for name, shape, kind, offset in infos}, data


def gguf_values(kind, shape, at, data):
    """Floats, and the blocks of 32 values, by the structs of ggml-common.h."""
    count = int(np.prod(shape))
    if kind in (0, 1):
        return np.frombuffer(data, {0: "<f4", 1: "<f2"}[kind], count, at).astype(np.float32).reshape(shape)
    if kind == 30:
        return (np.frombuffer(data, "<u2", count, at).astype("<u4") << 16).view("<f4").reshape(shape)
    size = {2: 18, 3: 20, 6: 22, 7: 24, 8: 34}[kind]
    blocks = np.frombuffer(data, np.uint8, count // 32 * size, at).reshape(-1, size)
    half = lambda start: np.ascontiguousarray(blocks[:, start : start + 2]).view("<f2").astype(np.float32)
    if kind == 8:
        return (half(0) * blocks[:, 2:].view(np.int8).astype(np.float32)).reshape(shape)
    packed = blocks[:, -16:]
    q = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.int64)
    if kind in (6, 7):
        q |= np.unpackbits(blocks[:, -20:-16], axis=1, bitorder="little").astype(np.int64) << 4
    if kind in (3, 7):
        return (half(0) * q.astype(np.float32) + half(2)).reshape(shape)
    return (half(0) * (q - (8 if kind == 2 else 16)).astype(np.float32)).reshape(shape)


def gguf_modules():
    metadata, infos, data = read_gguf(folder)
    names = {
        **{f"attn_{one}": f"self_attn.{one}_proj" for one in "qkv"},
        "attn_output": "self_attn.o_proj",
        **{f"ffn_{one}": f"mlp.{one}_proj" for one in ("gate", "up", "down")},
    }
    heads = {"attn_q": metadata["llama.attention.head_count"], "attn_k": metadata["llama.attention.head_count_kv"]}
    for name, (kind, shape, at) in infos.items():
        _, layer, part, *_ = name.split(".") + ["", ""]
        if name == "output.weight":
            yield "lm_head", gguf_values(kind, shape, at, data)
        elif part in names and name.endswith(".weight"):
            values = gguf_values(kind, shape, at, data)
            if part in heads:  # rows of pairs become rows of halves
                values = values.reshape(heads[part], -1, 2, shape[1]).swapaxes(1, 2).reshape(shape)
            yield f"model.layers.{layer}.{names[part]}", values


def digest(values):
    return hashlib.sha256(np.ascontiguousarray(values, "<f4").tobytes()).hexdigest()


if kind == "gguf":
    print(json.dumps({module: digest(values) for module, values in gguf_modules()}))
    sys.exit()

decode, mark = {
    "awq": (awq, ".qweight"),
    "compressed-tensors": (compressed, ".weight_packed"),
    "marlin": (marlin, ".B"),
}.get(kind, (gptq, ".qweight"))
hashes = {}
for name in tensors:
    if name.endswith(mark):
        module = name[: -len(mark)]
        hashes[module] = digest(decode(module))
print(json.dumps(hashes))
