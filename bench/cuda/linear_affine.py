#!/usr/bin/env python3
"""Checks and times the affine linear kernels of native/cuda on a Hopper GPU, beside Marlin and cuBLAS.

    python3 linear_affine.py CUBINS check
    python3 linear_affine.py CUBINS time [--marlin LIBRARY] [--shapes 4096x6144,...] [--rows 1,8,...] [--bits 4] [--rounds 5]

CUBINS is a folder with what nvcc makes of affine_prepare.cu, affine_gather.cu and linear_affine_{decode,few,many}.cu. Checks
hold random weights of every width, type, span and epilogue against f64 products. Times are CUDA-graph replays over weights that
together exceed the cache, all contestants in turn in every round; printed are medians and the spread of rounds. LIBRARY is what
marlin_bench.py --save keeps. Needs PyTorch; loads libcuda with ctypes, as fewbit does with koffi.
"""
import argparse, ctypes, itertools, json, math, pathlib, random, statistics, struct, sys
import torch

cuda = ctypes.CDLL("libcuda.so.1")
F32, F16, BF16 = 0, 1, 2
LSB_K, BYTES, SYMMETRIC = 0, 3, 4
NONE, SILU = 0, 1
TYPES = {"f16": (torch.float16, F16, 6), "bf16": (torch.bfloat16, BF16, 9)}
SHARED_LIMIT = 232448  # of a block
PAIR_LIMIT = 113 * 1024  # of each of two
FEW_WARPS = {1: 8, 2: 16, 4: 8}  # by eights of rows


def checked(result, what):
    if result != 0:
        name = ctypes.c_char_p()
        cuda.cuGetErrorName(result, ctypes.byref(name))
        raise RuntimeError(f"{what}: {name.value}")


class LaunchAttribute(ctypes.Structure):
    _fields_ = [("id", ctypes.c_int), ("pad", ctypes.c_int), ("value", ctypes.c_int), ("rest", ctypes.c_char * 60)]


class LaunchConfig(ctypes.Structure):
    _fields_ = [("grid", ctypes.c_uint * 3), ("block", ctypes.c_uint * 3), ("shared", ctypes.c_uint), ("stream", ctypes.c_void_p), ("attributes", ctypes.c_void_p), ("count", ctypes.c_uint)]


class Kernels:
    def __init__(self, folder):
        self.functions, self.modules = {}, []
        for path in sorted(pathlib.Path(folder).glob("*.cubin")):
            module, image = ctypes.c_void_p(), path.read_bytes()
            checked(cuda.cuModuleLoadData(ctypes.byref(module), image), path.name)
            self.modules.append(module)

    def get(self, name):
        if name not in self.functions:
            for module in self.modules:
                function = ctypes.c_void_p()
                if cuda.cuModuleGetFunction(ctypes.byref(function), module, name.encode()) == 0: break
            else:
                raise RuntimeError(f"no kernel {name}")
            checked(cuda.cuFuncSetAttribute(function, 8, SHARED_LIMIT if name.startswith("linear") else 0), name)
            checked(cuda.cuFuncSetAttribute(function, 9, 100), name)  # all of the cache that can be shared memory: two blocks at a time
            self.functions[name] = function
        return self.functions[name]

    def launch(self, name, params, grid, threads, shared=0, overlap=True):
        attribute = LaunchAttribute(6, 0, 1)  # programmatic stream serialization
        config = LaunchConfig((ctypes.c_uint * 3)(*grid), (ctypes.c_uint * 3)(threads, 1, 1), shared, torch.cuda.current_stream().cuda_stream, ctypes.addressof(attribute), int(overlap))
        buffer = ctypes.create_string_buffer(params + bytes(64), len(params) + 64)
        start = ctypes.addressof(buffer)
        arguments = (ctypes.c_void_p * 1)(start)
        checked(cuda.cuLaunchKernelEx(ctypes.byref(config), self.get(name), arguments, None), name)


def view(tensor, stride=None):
    return struct.pack("<Qii", tensor.data_ptr() if tensor is not None else 0, 0 if tensor is None else tensor.stride(0) if tensor.dim() > 1 else stride or 0, 0 if tensor is None else {torch.float32: F32, torch.float16: F16, torch.bfloat16: BF16}[tensor.dtype])


def pointer(tensor): return tensor.data_ptr() if tensor is not None else 0


class Weight:
    """A random weight in GPTQ's order of bits, its dense f64 twin if wanted, and its records."""

    def __init__(self, kernels, bits, inputs, outputs, group=128, zeros=False, order=False, gated=False, scale_type="f16", dense=False):
        self.bits, self.inputs, self.outputs, self.zeros, self.gated, self.scale_type = bits, inputs, outputs, zeros, gated, scale_type
        self.span = min(128, group) if group < inputs else 128
        groups = math.ceil(inputs / group)
        padded = math.ceil(inputs * bits / 32)
        words = torch.randint(-2**31, 2**31, (padded, outputs), dtype=torch.int64, device="cuda").to(torch.int32)
        scales = ((torch.rand(groups, outputs, device="cuda") + 0.5) * 0.01).to(TYPES[scale_type][0])
        zero = torch.randint(0, 2**bits, (groups, outputs), dtype=torch.uint8, device="cuda") if zeros else None
        row_order = torch.randperm(inputs, device="cuda").to(torch.int32) if order else None
        self.order = row_order
        places = None
        if order:
            places = torch.empty(inputs, dtype=torch.int32, device="cuda")
            places[row_order.long()] = (torch.arange(inputs, device="cuda") // group).to(torch.int32)
        part = struct.pack("<6Q9ifii", words.data_ptr(), scales.data_ptr(), pointer(zero), pointer(places), 0, 0, 0, outputs, inputs, LSB_K, BYTES if zeros else SYMMETRIC, bits, TYPES[scale_type][1], group, 0, 1.0, 0, groups)
        header = torch.frombuffer(bytearray(struct.pack("<4i", 1, inputs, outputs, 0) + part), dtype=torch.uint8).cuda()
        self.tiles, self.records = math.ceil(outputs / 16), math.ceil(inputs / 128)
        self.record = 256 * bits + 128 // self.span * (48 if zeros else 32)
        self.data = torch.empty(self.tiles * self.records * self.record, dtype=torch.uint8, device="cuda")
        params = struct.pack("<3Q8i", header.data_ptr(), pointer(row_order), self.data.data_ptr(), inputs, outputs, bits, self.span, int(zeros), TYPES[scale_type][1], int(gated), 0)
        kernels.launch("affine_prepare", params, (2048, 1, 1), 128, overlap=False)
        torch.cuda.synchronize()
        if dense:
            k = torch.arange(inputs, device="cuda") * bits
            low = (words.long() & 0xFFFFFFFF)
            both = low | torch.cat([low[1:], torch.zeros_like(low[:1])]) << 32
            # Arithmetic shifts keep what matters: at most 31 + 8 bits are looked at.
            codes = (both[k // 32] >> (k % 32)[:, None]) & (2**bits - 1)
            g = places.long() if order else torch.arange(inputs, device="cuda") // group
            z = zero.double()[g] if zeros else 2.0 ** (bits - 1)
            self.dense = ((codes.double() - z) * scales.double()[g]).t()


class Linear:
    """One launch of a kernel; `prepared` are its parameters, made once."""

    def __init__(self, kernels, weight, x, y, rows, kernel=None, bias=None, residual=None, glu=NONE, scale=1.0, work=None, **options):
        self.kernels, self.weight = kernels, weight
        name = {torch.float16: "f16", torch.bfloat16: "bf16"}[x.dtype]
        kernel = kernel or pick(rows, weight)
        self.name = f"linear_affine_{kernel}_{name}_{weight.bits}" + ("" if kernel.startswith("many") else f"_{weight.span}")
        self.step = torch.tensor([rows], dtype=torch.int32, device="cuda")
        self.gather = None
        if weight.order is not None and kernel != "decode":
            ordered = torch.empty(x.shape[0], weight.inputs, dtype=x.dtype, device="cuda")
            self.gather = struct.pack("<2Q", self.step.data_ptr(), weight.order.data_ptr()) + view(x) + view(ordered) + struct.pack("<2i", 0, weight.inputs)
            self.gather_grid = (math.ceil(weight.inputs / 2048), min(rows, 1024), 1)
            x = ordered
        self.keep = (x, y, bias, residual, work)
        processors = options.get("processors", 132)
        if kernel == "decode":
            meeting = min(math.ceil(weight.tiles / processors), 16 // rows)
            fixed = rows * weight.records * 256 + weight.records * (128 // weight.span) * 64 + 64 * meeting * (rows * 16 + 2) + 512
            slots, stages = min(4, (SHARED_LIMIT - fixed) // (32 * weight.record)), 0
            if slots < 2: raise ValueError("no room for two copies of weights")
            self.shared = max(fixed + slots * 32 * weight.record, PAIR_LIMIT + 1024)
            self.grid, self.threads = (min(weight.tiles, processors), 1, 1), 512
            self.note = f"S{slots} {self.shared >> 10}K"
        elif kernel.startswith("few"):
            eights = int(kernel[3:]) // 8
            warps = FEW_WARPS[eights]
            warp_records = 2 if eights == 1 else 1
            copy_records = warps * warp_records
            chunks = math.ceil(weight.records / copy_records)
            stage = rows * warp_records * 256
            stages = chunks if chunks * stage * warps <= options.get("input_budget", 131072 if eights == 2 else 65536) else min(2, chunks)
            fixed = warps * stages * (stage + warp_records * 128 // weight.span * eights * 32) + warps * 3 * eights * 512
            per_block = math.ceil(weight.tiles / processors)
            slot = copy_records * weight.record
            fitting = lambda budget: max(0, min(per_block * chunks, 32, (budget - fixed) // (slot + 16)))
            # Two blocks at a time on a multiprocessor, unless that leaves too little of a ring for many tiles.
            slots = fitting(PAIR_LIMIT) if eights == 1 else 0
            if slots < min(per_block * chunks, 4 if per_block >= 8 else 2): slots = fitting(180 * 1024 if eights == 1 else SHARED_LIMIT)
            if "budget" in options: slots = fitting(options["budget"])
            slots = max(2, slots)
            self.shared = fixed + slots * (slot + 16)
            self.grid, self.threads = (min(weight.tiles, processors), 1, 1), warps * 32 + 32
            self.note = f"S{slots} X{stages} {self.shared >> 10}K"
        else:
            tile_outputs, tile_rows = map(int, kernel[4:].split("x"))
            scratch = 8 * 1536
            stage = tile_rows * 256 + (tile_outputs // 16 * weight.record + 1023) // 1024 * 1024
            slots = min(options.get("stages", 16), (SHARED_LIMIT - 2048 - scratch) // stage)
            self.shared, stages = 2048 + slots * stage + scratch, 0
            self.grid, self.threads = (processors, 1, 1), 384
            self.note = f"S{slots} {self.shared >> 10}K"
        if self.shared > SHARED_LIMIT: raise ValueError(f"{self.shared} bytes of shared memory")
        params = struct.pack("<3Q", self.step.data_ptr(), weight.data.data_ptr(), pointer(bias)) + view(x) + view(residual) + view(y)
        params += struct.pack("<7iff4i", 0, weight.inputs, weight.outputs, weight.span, int(weight.zeros), TYPES[weight.scale_type][1], glu, 0.0, scale, rows, slots, stages, 0)
        params += bytes(4) if len(params) % 8 else b""
        assert len(params) == 128, len(params)
        if kernel == "decode":
            params += struct.pack("<2Qfi", pointer(weight.order), 0, 0.0, meeting)
        elif kernel.startswith("many"):
            tensor_map = ctypes.create_string_buffer(128 + 64)
            at = (ctypes.addressof(tensor_map) + 63) // 64 * 64
            box = (ctypes.c_uint32 * 2)(64, tile_rows)
            checked(cuda.cuTensorMapEncodeTiled(ctypes.c_void_p(at), TYPES[name][2], 2, ctypes.c_void_p(x.data_ptr()), (ctypes.c_uint64 * 2)(weight.inputs, x.shape[0]), (ctypes.c_uint64 * 1)(x.stride(0) * 2), box, (ctypes.c_uint32 * 2)(1, 1), 0, 3, 3, 0), "tensor map")
            params = ctypes.string_at(at, 128) + params + struct.pack("<2Q", work[0].data_ptr(), work[1].data_ptr()) + bytes(48)
        self.params = params

    def run(self, overlap=True):
        if self.gather: self.kernels.launch("affine_gather", self.gather, self.gather_grid, 256, overlap=overlap)
        self.kernels.launch(self.name, self.params, self.grid, self.threads, self.shared, overlap)


def pick(rows, weight):
    """The kernel for so many rows, as measured on an H200. Copies of 8-bit weights are too large beside 16 rows."""
    tiles, bits = weight.tiles, weight.bits
    if rows <= 8:
        input_bytes = rows * weight.records * 256 + weight.records * (128 // weight.span) * 64 + 64 * (16 // rows) * (rows * 16 + 2) + 512
        return "decode" if input_bytes + 64 * weight.record <= SHARED_LIMIT else "few8"
    if rows <= 16: return "few16" if bits < 8 else "many128x32"
    if rows <= 32: return "few32" if tiles <= 4 * 132 else "many128x32"
    if rows <= 64: return "many128x64"
    return "many256x128" if rows >= 512 or tiles / 16 * math.ceil(rows / 128) >= 90 else "many128x128"


def workspace():
    return torch.zeros(132 * 256 * 128, dtype=torch.float32, device="cuda"), torch.zeros(132, dtype=torch.int32, device="cuda")


def check(kernels, a):
    random.seed(a.seed); torch.manual_seed(a.seed)
    work, failed, worst, count = workspace(), 0, {}, 0
    cases = []
    for bits, dtype, rows in itertools.product((2, 3, 4, 8), ("f16", "bf16"), (1, 3, 8, 9, 16, 17, 32, 33, 64, 65, 128, 129, 300)):
        group = random.choice((32, 64, 128, 256, 10**6))
        inputs, outputs = random.choice(((128, 16), (256, 64), (384, 24), (1000, 136), (896, 4864), (2048, 2048), (4096, 512), (5120, 72)))
        if bits * inputs % 32: inputs = 1024
        cases.append((bits, dtype, rows, inputs, outputs, group, random.random() < 0.5, random.random() < 0.25, random.random() < 0.4 and outputs % 16 == 0, random.random() < 0.5, random.random() < 0.5))
    for rows in (1, 8, 16, 32, 64, 512, 1000):
        cases.append((4, "f16", rows, 4096, 24576, 128, False, False, False, False, False))
        cases.append((4, "f16", rows, 4096, 6144, 128, False, False, False, False, False))
        cases.append((4, "f16", rows, 14336, 4096, 128, True, False, False, True, True))
        cases.append((4, "bf16", rows, 4096, 28672, 128, False, True, True, False, False))
    if a.only: cases = [case for case in cases if case[:2] == (a.bits, "f16") and case[5] >= 128]
    for case in cases:
        bits, dtype, rows, inputs, outputs, group, zeros, order, gated, with_bias, with_residual = case
        torch_type = TYPES[dtype][0]
        weight = Weight(kernels, bits, inputs, outputs, group, zeros, order, gated, dtype, dense=True)
        x = torch.randn(rows, inputs + 64, device="cuda").to(torch_type)[:, :inputs]
        width = outputs // 2 if gated else outputs
        bias = torch.randn(outputs, device="cuda") if with_bias else None
        residual = torch.randn(rows, width, device="cuda").to(torch_type) if with_residual else None
        scale = random.choice((1.0, 0.5))
        expected = x.double() @ weight.dense.t()
        if bias is not None: expected += bias.double()
        expected *= scale
        if gated: expected = torch.nn.functional.silu(expected[:, :width]) * expected[:, width:]
        if residual is not None: expected += residual.double()
        kernel_names = {pick(rows, weight), random.choice(("many128x32", "many128x64", "many128x128", "many256x128"))}
        for kernel in kernel_names:
            y = torch.full((rows, width), float("nan"), dtype=torch_type, device="cuda")
            linear = Linear(kernels, weight, x, y, rows, kernel, bias, residual, SILU if gated else NONE, scale, work)
            linear.run(); linear.run()
            torch.cuda.synchronize()
            error = float(((y.double() - expected) ** 2).sum() / (expected ** 2).sum())
            key = f"{dtype} {kernel}{' gated' if gated else ''}"
            worst[key] = max(worst.get(key, 0), error) if error == error else error
            count += 1
            limit = (1e-6 if dtype == "f16" else 6e-5) * (4 if gated else 1)
            if not error < limit:
                failed += 1
                bad = (~((y.double() - expected).abs() <= 0.05 * expected.abs().mean() + 0.05 * expected.abs())).nonzero()
                if failed < 30: print("FAILED", linear.name, linear.note, case, error, "nan", int(y.isnan().sum()), "bad", len(bad), bad[:4].tolist(), flush=True)
        del weight
    print(f"checked {count}, failed {failed}; worst normalised errors {worst}", flush=True)
    return failed


def graph_of(fn, count):
    for i in range(count): fn(i)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for i in range(count): fn(i)
    return graph


def once(graph, count):
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record(); graph.replay(); end.record(); torch.cuda.synchronize()
    return begin.elapsed_time(end) * 1e3 / count


def median(graph, count): return statistics.median(once(graph, count) for _ in range(7))


def rates():
    x = torch.ones(1 << 30, dtype=torch.float32, device="cuda"); y = torch.empty_like(x)
    bandwidth = 2 * 4 * x.numel() / median(graph_of(lambda i: torch.mul(x, 2, out=y), 5), 5) * 1e6
    del x, y
    m = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    flops = 2 * 8192**3 / median(graph_of(lambda i: m @ m, 5), 5) * 1e6
    return bandwidth, flops


def parse_variant(text):
    """kernel:key=value:key=value"""
    kernel, *options = text.split(":")
    return kernel, {key: int(value) for key, value in (option.split("=") for option in options)}


def measure(kernels, a):
    bandwidth, flops = rates()
    print(f"copy {bandwidth/1e12:.2f} TB/s, bf16 {flops/1e12:.0f} TFLOP/s", flush=True)
    marlin = None
    if a.marlin:
        torch.ops.load_library(a.marlin)
        marlin = torch.ops.gptqmodel_marlin_fp16
    results, work = [], workspace()
    empty = torch.empty(0, dtype=torch.int, device="cuda")
    for shape in a.shapes.split(","):
        inputs, outputs = map(int, shape.split("x"))
        packed = inputs * outputs * a.bits // 8
        copies = max(2, min(64, (256 << 20) // packed + 1))
        dense_copies = max(2, min(16, (256 << 20) // (2 * inputs * outputs) + 1))
        options = dict(group=a.group, zeros=a.zeros, order=a.order)
        weights = [Weight(kernels, a.bits, inputs, outputs, **options) for _ in range(copies)]
        if marlin:
            scales = torch.rand(inputs // 128, outputs, device="cuda", dtype=torch.half) * 0.01
            lock = torch.zeros(132 * 4, dtype=torch.int, device="cuda")
            type_id = 4 << 8 | 8 << 17 | 1 << 50
            marlin_copies = max(2, min(64, (256 << 20) // (inputs * outputs // 2) + 1))
            marlin_weights = [marlin.gptq_marlin_repack(torch.randint(-2**31, 2**31 - 1, (inputs // 8, outputs), dtype=torch.int32, device="cuda"), empty, inputs, outputs, 4) for _ in range(marlin_copies)]
            dense = [torch.randn(inputs, outputs, device="cuda", dtype=torch.half) * 0.01 for _ in range(dense_copies)]
            transposed = [d.t().contiguous() for d in dense]
        for rows in map(int, a.rows.split(",")):
            x = torch.randn(rows, inputs, device="cuda", dtype=torch.half)
            y = torch.empty(rows, outputs, device="cuda", dtype=torch.half)
            contestants = {}
            for variant in (a.variants.split(",") if a.variants else [pick(rows, weights[0])]):
                kernel, tuning = parse_variant(variant)
                if kernel == "auto": kernel = pick(rows, weights[0])
                if kernel.startswith("few") and rows > int(kernel[3:]): continue
                overlap = bool(tuning.pop("overlap", 1))
                try:
                    linears = [Linear(kernels, w, x, y, rows, kernel, work=work, **tuning) for w in weights]
                except ValueError as e:
                    print(shape, rows, variant, e); continue
                label = f"{kernel} {linears[0].note}" + ("" if overlap else " serial") if a.variants else "fewbit"
                contestants[label] = (graph_of(lambda i: linears[i % copies].run(overlap), copies), copies)
            if marlin and rows <= a.peer_rows:
                contestants["marlin"] = (graph_of(lambda i: marlin.gptq_marlin_gemm_fp16(x, None, marlin_weights[i % marlin_copies], None, scales, None, None, empty, empty, lock, type_id, rows, outputs, inputs, True, False, True, False, None, None), marlin_copies), marlin_copies)
                contestants["cublas"] = (graph_of(lambda i: x @ dense[i % dense_copies], dense_copies), dense_copies)
                contestants["cublas-t"] = (graph_of(lambda i: torch.nn.functional.linear(x, transposed[i % dense_copies]), dense_copies), dense_copies)
            times = {label: [] for label in contestants}
            for _ in range(a.rounds):
                for label, (graph, count) in contestants.items(): times[label].append(median(graph, count) if a.rounds < 5 else statistics.median(once(graph, count) for _ in range(3)))
            moved = weights[0].data.numel() + 2 * rows * (inputs + outputs)
            floor = max(moved / bandwidth, 2 * rows * inputs * outputs / flops) * 1e6
            entry = {"bits": a.bits, "group": a.group, "zeros": a.zeros, "order": a.order, "shape": shape, "rows": rows, "floor": round(floor, 2)}
            for label, values in times.items(): entry[label] = [round(statistics.median(values), 2), round(min(values), 2), round(max(values), 2)]
            results.append(entry)
            peers = {label: statistics.median(times[label]) for label in times if label in ("marlin", "cublas", "cublas-t")}
            line = f"{a.bits}b g{a.group}{' zeros' if a.zeros else ''}{' order' if a.order else ''} {shape:>11} m{rows:<5} floor {floor:7.1f} |"
            for label, values in times.items():
                m = statistics.median(values)
                line += f" {label} {m:.1f}" + ("" if label in peers else f" ({floor/m*100:.0f}%" + (f", {m/peers['marlin']:.2f} marlin, {m/min(peers['cublas'], peers['cublas-t']):.2f} cublas" if peers else "") + ")")
            print(line, flush=True)
            del contestants
        del weights
        if marlin: del marlin_weights, dense, transposed
    if a.json: pathlib.Path(a.json).write_text(json.dumps({"device": torch.cuda.get_device_name(0), "copy_TB_s": bandwidth / 1e12, "bf16_TFLOP_s": flops / 1e12, "results": results}, indent=1))


def once_each(kernels, a):
    """One launch of each kernel at each size, for the profiler."""
    work = workspace()
    for shape in a.shapes.split(","):
        inputs, outputs = map(int, shape.split("x"))
        weight = Weight(kernels, a.bits, inputs, outputs, a.group)
        for rows in map(int, a.rows.split(",")):
            x = torch.randn(rows, inputs, device="cuda", dtype=torch.half)
            y = torch.empty(rows, outputs, device="cuda", dtype=torch.half)
            for kernel in a.variants.split(",") if a.variants else [pick(rows, weight)]:
                Linear(kernels, weight, x, y, rows, kernel, work=work).run(False)
            torch.cuda.synchronize()


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("cubins"); p.add_argument("what", choices=("check", "time", "once"))
    p.add_argument("--marlin"); p.add_argument("--shapes", default="4096x6144,4096x24576,12288x4096"); p.add_argument("--rows", default="1,8,16,32,64,128,256,512,4096")
    p.add_argument("--bits", type=int, default=4); p.add_argument("--group", type=int, default=128); p.add_argument("--zeros", action="store_true"); p.add_argument("--order", action="store_true")
    p.add_argument("--rounds", type=int, default=5); p.add_argument("--variants"); p.add_argument("--peer-rows", type=int, default=1 << 30); p.add_argument("--json"); p.add_argument("--only", action="store_true", help="check f16 of --bits in groups of 128 and more"); p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    torch.zeros(1, device="cuda")
    kernels = Kernels(a.cubins)
    sys.exit(check(kernels, a) if a.what == "check" else measure(kernels, a) if a.what == "time" else once_each(kernels, a))
