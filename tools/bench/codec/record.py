#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Record the corpora of `fastipc bench codec` anew.

    tools/bench/codec/record.py [DIRECTORY]

Drives clangd over a copy of this project's sources as an editor does (open,
type, complete, hover, ...), and keeps what was asked and answered, trimmed to
some messages of each kind; meanwhile it samples what /proc tells of clangd.
Then it cuts completion requests and streams of tokens out of the same sources,
as the backend of an AI assistant gets and sends them.  Paths are written as if
the project were in /home/user/fastipc.

Each file in DIRECTORY (corpus/ beside this script) is {"kind": [message, ...]}.
"""
import argparse
import collections
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.normpath(os.path.join(HERE, "../../.."))
HOME = "/home/user/fastipc"
FLAGS = "-std=c11 -D_GNU_SOURCE -Iuapi -Ilib/include -Ilib/src -Itools -Iselftests".split()

# What is opened, and typed at the end of its last function: a person's line
# that is not finished yet, so that there is something to say about it.
FILES = {
    "lib/src/rpc/client_calls.c": "\tstruct call *other = fastipc_call_alloc(client)\n\tother->",
    "lib/src/ring/ring.c": "\tuint32_t size = fastipc_",
    "lib/src/frame/frame.c": "\tif (strlen(\"x\") == unknown_size)\n\t\treturn mem",
    "lib/src/transport/handshake.c": "\tint unused, error = \"text\";\n\terr",
    "tools/bench/report.c": "\tprintf(\"%s\\n\", 12);\n\tprin",
    "tools/fastipc/serve.c": "\tstruct stat status;\n\tstatus.st_",
    "selftests/unit/crc32c.c": "\tassert_int_equal(1, 2, 3);\n\tasser",
    "lib/src/rpc/server.c": "\tconst char *text = 17;\n\tserv",
}

CAPABILITIES = {
    "textDocument": {
        "completion": {
            "completionItem": {
                "snippetSupport": True,
                "documentationFormat": ["markdown", "plaintext"],
                "deprecatedSupport": True,
            },
            "contextSupport": True,
        },
        "hover": {"contentFormat": ["markdown", "plaintext"]},
        "documentSymbol": {"hierarchicalDocumentSymbolSupport": True},
        "publishDiagnostics": {
            "relatedInformation": True,
            "categorySupport": True,
            "versionSupport": True,
        },
        "semanticTokens": {
            "requests": {"full": True},
            "formats": ["relative"],
            "tokenTypes": [],
            "tokenModifiers": [],
        },
        "signatureHelp": {
            "signatureInformation": {
                "documentationFormat": ["markdown", "plaintext"],
                "parameterInformation": {"labelOffsetSupport": False},
            }
        },
    }
}


class Clangd:
    """A clangd, and what was said to it and by it."""

    def __init__(self, root):
        self.process = subprocess.Popen(
            ["clangd", "--log=error", "-j=1", "--background-index=false"],
            cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.root = "file://" + root
        self.answers = {}
        self.diagnostics = collections.defaultdict(list)
        self.arrived = threading.Condition()
        self.last_id = 0
        threading.Thread(target=self.read, daemon=True).start()

    def send(self, message):
        body = json.dumps(dict(message, jsonrpc="2.0")).encode()
        self.process.stdin.write(
            b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def read(self):
        while True:
            size = 0
            while (line := self.process.stdout.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    size = int(line.split(b":")[1])
            if not size:
                return
            message = json.loads(self.process.stdout.read(size))
            with self.arrived:
                if message.get("method") == "textDocument/publishDiagnostics":
                    params = message["params"]
                    self.diagnostics[params["uri"]].append(params)
                elif "id" in message and "method" not in message:
                    self.answers[message["id"]] = message.get("result")
                self.arrived.notify_all()

    def call(self, method, params):
        self.last_id += 1
        mine = self.last_id
        self.send({"id": mine, "method": method, "params": params})
        with self.arrived:
            if not self.arrived.wait_for(lambda: mine in self.answers, 120):
                sys.exit(f"record.py: clangd did not answer {method}")
            return self.answers.pop(mine)

    def notify(self, method, params):
        self.send({"method": method, "params": params})

    def wait_diagnostics(self, uri, count):
        with self.arrived:
            if not self.arrived.wait_for(
                    lambda: len(self.diagnostics[uri]) >= count, 120):
                sys.exit(f"record.py: clangd said nothing of {uri}")


class Sampler(threading.Thread):
    """What /proc says of a process, every 10 ms: batches of 50 samples."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid = pid
        self.samples = []
        self.started = time.clock_gettime(time.CLOCK_MONOTONIC)

    def sample(self):
        def read(name):
            with open(f"/proc/{self.pid}/{name}") as file:
                return file.read()

        stat = read("stat").rsplit(")", 1)[1].split()
        scheduled = read("schedstat").split()
        resident = read("statm").split()[1]
        switches = re.findall(r"ctxt_switches:\s*(\d+)", read("status"))
        now = time.clock_gettime(time.CLOCK_MONOTONIC) - self.started
        self.samples.append({
            "time": round(now, 6),
            "cpu_seconds": int(scheduled[0]) / 1e9,
            "waited_seconds": int(scheduled[1]) / 1e9,
            "resident": int(resident) * 4096,
            "minor_faults": int(stat[7]),
            "major_faults": int(stat[9]),
            "switches": sum(map(int, switches)),
            "threads": int(stat[17]),
        })

    def run(self):
        try:
            while True:
                self.sample()
                time.sleep(0.01)
        except (OSError, IndexError):
            pass  # it ended

    def batches(self):
        full = len(self.samples) // 50 * 50
        return [{"process": "clangd", "interval": 0.01,
                 "samples": self.samples[at:at + 50]}
                for at in range(0, full, 50)]


def position(text, offset):
    line = text.count("\n", 0, offset)
    return {"line": line, "character": offset - (text.rfind("\n", 0, offset) + 1)}


def places(text, pattern, most):
    """Offsets where the pattern's group ends, spread over the text."""
    found = [m.end(1) for m in re.finditer(pattern, text)]
    return found[::max(1, len(found) // most)][:most]


def typed_text(text, line):
    """The text while somebody types a line at the end of its last function."""
    end = text.rstrip().rfind("\n}")
    return text[:end + 1] + line + text[end:], end + 1 + len(line)


def drive(root, kinds):
    clangd = Clangd(root)
    sampler = Sampler(clangd.process.pid)
    sampler.start()
    clangd.call("initialize", {"processId": None, "rootUri": clangd.root,
                               "capabilities": CAPABILITIES})
    clangd.notify("initialized", {})
    for path, line in FILES.items():
        drive_file(clangd, root, path, line, kinds)
    for published in clangd.diagnostics.values():
        kinds["diagnostics"] += [p for p in published if p["diagnostics"]]
    clangd.call("shutdown", None)
    clangd.notify("exit", None)
    clangd.process.wait()
    kinds["samples"] = sampler.batches()


def drive_file(clangd, root, path, line, kinds):
    with open(os.path.join(root, path)) as file:
        text = file.read()
    uri = f"{clangd.root}/{path}"
    document = {"uri": uri}

    def ask(kind, method, offset=None, **more):
        params = dict({"textDocument": document}, **more)
        if offset is not None:
            params["position"] = position(current, offset)
        answer = clangd.call("textDocument/" + method, params)
        if answer:
            kinds[kind].append(answer)
        return params

    current = text
    clangd.notify("textDocument/didOpen", {"textDocument": {
        "uri": uri, "languageId": "c", "version": 1, "text": text}})
    clangd.wait_diagnostics(uri, 1)
    ask("document_symbols", "documentSymbol")
    # The answer is an array; a message is a record.
    kinds["document_symbols"][-1] = {"symbols": kinds["document_symbols"][-1]}
    ask("semantic_tokens", "semanticTokens/full")
    for offset in places(text, r"\n[^/*\n]*\b(\w)\w{4,}", 12):
        ask("hovers", "hover", offset)
    for offset in places(text, r"\n\t[^/*\n]*\w(\()", 8):
        ask("signature_helps", "signatureHelp", offset)
    invoked = places(text, r"\n\t+(\w{4})\w{4,}\(", 12)
    triggered = places(text, r"\n\t[^/*\n]*\w(->)\w", 8)
    for offset in invoked + triggered:
        context = {"triggerKind": 1}
        if offset in triggered:
            context = {"triggerKind": 2, "triggerCharacter": ">"}
        kinds["completion_requests"].append(
            ask("completions", "completion", offset, context=context))
    current, offset = typed_text(text, line)
    clangd.notify("textDocument/didChange", {
        "textDocument": dict(document, version=2),
        "contentChanges": [{"text": current}]})
    kinds["completion_requests"].append(
        ask("completions", "completion", offset, context={"triggerKind": 1}))
    clangd.wait_diagnostics(uri, 2)


def tokens(text):
    """As a tokenizer of source code cuts: words with the space before them."""
    return re.findall(r" ?[A-Za-z_]{1,9}| ?\d{1,3}| ?[^\sA-Za-z_0-9]{1,3}|\n\t*|\s+", text)


def cut(text, offset, before, after):
    """Whole lines around a place: at most so many characters of each side."""
    start = max(0, offset - before)
    end = min(len(text), offset + after)
    if start:
        start = text.find("\n", start, offset) + 1 or start
    if end < len(text):
        end = text.rfind("\n", offset, end) + 1 or end
    return text[start:offset], text[offset:end]


def assist(root, kinds):
    """What an AI assistant is asked at some places, and streams as answer."""
    texts = {}
    for path in sorted(FILES):
        with open(os.path.join(root, path)) as file:
            texts[path] = file.read()
    pairs = collections.Counter()
    firsts = collections.Counter()
    for text in texts.values():
        cuts = tokens(text)
        pairs.update(zip(cuts, cuts[1:]))
        firsts.update(cuts)
    ids = {token: number for number, (token, _) in enumerate(firsts.most_common())}
    number = 0
    for path, text in texts.items():
        for offset in places(text, r"\n\t[^/*\n]*?\w(\w)\b", 4):
            number += 1
            prefix, suffix = cut(text, offset, 2048, 512)
            name = f"cmpl-{number * 0x9e3779b97f4a7c15 % 2**64:016x}"
            kinds["ai_requests"].append({
                "id": name, "model": "coder-7b-base", "path": path,
                "language": "c",
                "prompt": {"prefix": prefix, "suffix": suffix},
                "max_tokens": 64, "temperature": 0.2, "top_p": 0.95,
                "n": 1, "stop": ["\n\n", "\n}\n"], "stream": True})
            if number % 4 == 1:
                stream(text[offset:], name, ids, firsts, pairs, kinds)


def stream(text, name, ids, firsts, pairs, kinds):
    """The tokens that follow; how likely each is, as it follows in the files."""
    cuts = tokens(text[:200])
    for index, token in enumerate(cuts):
        before = cuts[index - 1] if index else "\n"
        chance = (pairs[(before, token)] or 1) / (firsts[before] or 1)
        last = index == len(cuts) - 1
        kinds["ai_tokens"].append({
            "id": name, "index": index, "token": ids.get(token, 0),
            "delta": token, "logprob": round(math.log(min(chance, 1)), 5),
            "finish_reason": "length" if last else None})


def spread(messages, budget):
    """As many messages, evenly spread over their sizes, as fit, each once; none
    is half of it."""
    unique = {json.dumps(m, separators=(",", ":"), ensure_ascii=False): m
              for m in messages}
    unique = [(len(text), message) for text, message in unique.items()
              if len(text) <= budget / 2]
    unique.sort(key=lambda pair: pair[0])
    sizes = [size for size, _ in unique]
    count = len(unique)
    while count > 1:
        picked = [int(i * len(unique) / count) for i in range(count)]
        if sum(sizes[i] for i in picked) <= budget:
            break
        count -= 1
    return [unique[int(i * len(unique) / count)][1] for i in range(count)]


# Bytes of each kind that is kept more or less of.
BUDGETS = {"completions": 110000, "ai_tokens": 20000, "semantic_tokens": 20000,
           "completion_requests": 16000, "ai_requests": 50000}


def generic(messages, root):
    text = json.dumps(messages, ensure_ascii=False).replace(root, HOME)
    return json.loads(text)


def write(directory, name, messages):
    path = os.path.join(directory, name + ".json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'{{"{name}":[\n')
        file.write(",\n".join(
            json.dumps(m, separators=(",", ":"), ensure_ascii=False)
            for m in messages))
        file.write("\n]}\n")
    print(f"{os.path.getsize(path):8} {len(messages):5} {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory", nargs="?",
                        default=os.path.join(HERE, "corpus"))
    options = parser.parse_args()
    kinds = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as root:
        for part in ("uapi", "lib", "tools", "selftests"):
            shutil.copytree(os.path.join(TREE, part), os.path.join(root, part))
        with open(os.path.join(root, "compile_flags.txt"), "w") as file:
            file.write("\n".join(FLAGS) + "\n")
        drive(root, kinds)
        assist(root, kinds)
        for name, messages in sorted(kinds.items()):
            picked = spread(generic(messages, root),
                            BUDGETS.get(name, 40000))
            write(options.directory, name, picked)


if __name__ == "__main__":
    main()
