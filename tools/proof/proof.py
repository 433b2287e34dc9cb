# SPDX-License-Identifier: MIT
"""What the sections of the proof share: each is a program of its own,

    tools/proof/NN-name OUTDIR

with FASTIPC (the command), O (the build directory), QUICK (1 or empty),
MINUTES (of the sustained load) and RUNS in the environment.  It measures by
means of programs in C, and leaves in OUTDIR

    NN-name.md       its part of the report
    NN-name-*.svg    plots, with their data in a .dat beside each
    NN-name.ratios   a JSON object on each line: name, value, bar, better,
                     detail

Its exit status says whether it could measure, not what came of it.  What it
says on standard error ends in NN-name.log; the last line of it is shown as
what it is at.
"""

import json
import math
import os
import shlex
import statistics
import subprocess
import sys

QUICK = os.environ.get("QUICK", "") not in ("", "0")
RUNS = int(os.environ.get("RUNS") or (3 if QUICK else 5))
MINUTES = float(os.environ.get("MINUTES") or 10)
BUILD = os.path.abspath(os.environ.get("O") or "build")
FASTIPC = os.path.abspath(os.environ.get("FASTIPC") or BUILD + "/bin/fastipc")
# make's own would reach what the sections run.
for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
    os.environ.pop(name, None)


class MeasuringFailed(Exception):
    """A program that measures did not work: its status and its words."""


def note(text):
    """What the section is at, for who waits."""
    print(text, file=sys.stderr, flush=True)


def program(name):
    """The path of a program that is built of tools/proof/NAME.c."""
    return f"{BUILD}/tools/proof/{name}"


def shown(command):
    """A command as a reader would type it in the source tree."""
    words = []
    for word in command:
        word = str(word)
        if word == FASTIPC:
            word = "fastipc"
        words.append(word.replace(BUILD + "/", "build/"))
    return shlex.join(words)


def run(command, timeout=300, env=None):
    """Run a command; its standard output.  Its errors go to the log."""
    command = [str(word) for word in command]
    try:
        done = subprocess.run(
            command, timeout=timeout, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True, check=False,
            env={**os.environ, **(env or {})})
    except subprocess.TimeoutExpired as late:
        raise MeasuringFailed(
            f"{shown(command)} took more than {timeout} s") from late
    if done.returncode:
        raise MeasuringFailed(
            f"{shown(command)} ended with status {done.returncode}")
    return done.stdout


def run_json(command, **how):
    """The JSON objects that a command prints, one a line."""
    return [json.loads(line) for line in run(command, **how).splitlines()
            if line.startswith("{")]


def bench(*arguments, **how):
    """One run of `fastipc bench ARGUMENTS --json`: its object."""
    return run_json([FASTIPC, "bench", *arguments, "--json"], **how)[0]


def median(values):
    """The median of what there is of them; None of nothing."""
    values = [value for value in values
              if value is not None and math.isfinite(value)]
    return statistics.median(values) if values else None


def spread(values):
    """How far apart they are, as a share of their median."""
    return (max(values) - min(values)) / median(values)


# ---- how figures are written ----

def number(value, digits=3):
    """A figure with so many significant digits, and no exponent."""
    if value is None or not math.isfinite(value):
        return "-"
    if value == 0 or abs(value) >= 10 ** digits:
        return f"{value:,.0f}"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    text = f"{value:.{max(decimals, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def duration(nanoseconds):
    """123 ns, 1.23 µs, 12.3 ms, 1.23 s."""
    if nanoseconds is None or not math.isfinite(nanoseconds):
        return "-"
    for unit, length in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if abs(nanoseconds) >= length:
            return f"{number(nanoseconds / length)} {unit}"
    return f"{number(nanoseconds)} ns"


def size(count):
    """1,000 B, 4 KiB, 10 MB: exactly, by the largest unit that divides it."""
    for unit, length in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
                         ("MB", 10 ** 6)):
        if count >= length and count % length == 0:
            return f"{count // length:,} {unit}"
    return f"{count:,} B"


def rate(bytes_per_s):
    """12.3 GB/s."""
    if bytes_per_s is None or not math.isfinite(bytes_per_s):
        return "-"
    for unit, length in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if bytes_per_s >= length:
            return f"{number(bytes_per_s / length)} {unit}/s"
    return f"{number(bytes_per_s)} B/s"


# ---- a section ----

class Section:
    """What one part of the report says; written by end()."""

    def __init__(self, title, outdir=None):
        self.outdir = outdir or sys.argv[1]
        self.name = os.path.basename(sys.argv[0])
        self.title = title
        self.parts = []
        self.ratios = []
        self.commands = []

    def text(self, *paragraphs):
        """Paragraphs of Markdown."""
        self.parts += [" ".join(paragraph.split()) for paragraph in paragraphs]

    def heading(self, text):
        """A heading within the section."""
        self.parts.append(f"### {text}")

    def table(self, head, rows):
        """A table; figures are already words."""
        lines = ["| " + " | ".join(map(str, line)) + " |"
                 for line in [head, ["---"] * len(head), *rows]]
        self.parts.append("\n".join(lines))

    def command(self, command):
        """Name a command that gave figures: a list, or as it is typed."""
        words = command if isinstance(command, str) else shown(command)
        if words not in self.commands:
            self.commands.append(words)

    def ratio(self, name, value, bar=None, better="lower", detail=False):
        """
        A ratio for the head of the report, maybe the baseline, and, unless it
        is a detail of another that is there, the short table.
        """
        if better not in ("lower", "higher"):
            raise ValueError(better)
        if value is None or not math.isfinite(value):
            raise MeasuringFailed(f"no figure for '{name}'")
        self.ratios.append({"name": name, "value": float(f"{value:.4g}"),
                            "bar": bar, "better": better, "detail": detail})

    def no_ratio(self, name, bar, why, better="lower"):
        """
        One that this machine does not let be measured, and why: the report
        says so, and the baseline does not ask for it.
        """
        self.ratios.append({"name": name, "value": None, "bar": bar,
                            "better": better, "why": why})

    def plot(self, name, title, xlabel, ylabel, series, logarithmic="xy",
             style="linespoints", extra=""):
        """
        Series of (x, y) by their legend, as OUTDIR/NN-name-NAME.svg.  The
        first words of @extra are gnuplot's, before its `plot`.
        """
        base = f"{self.name}-{name}"
        plots = []
        with open(f"{self.outdir}/{base}.dat", "w", encoding="utf-8") as data:
            for index, (legend, points) in enumerate(series.items()):
                points = [(x, y) for x, y in points if y is not None]
                if not points:
                    continue
                data.write(f"# {legend}\n")
                data.writelines(f"{x} {y}\n" for x, y in points)
                data.write("\n\n")
                plots.append(f"'{base}.dat' index {len(plots)} with {style} "
                             f"lt {index + 1} title {json.dumps(legend)}")
        script = f"""set terminal svg size 800,480 dynamic background '#ffffff'
set output '{base}.svg'
set title {json.dumps(title, ensure_ascii=False)} noenhanced
set xlabel {json.dumps(xlabel, ensure_ascii=False)} noenhanced
set ylabel {json.dumps(ylabel, ensure_ascii=False)} noenhanced
set key outside bottom center horizontal noenhanced
set grid
{"set logscale x" if "x" in logarithmic else ""}
{"set logscale y" if "y" in logarithmic else ""}
set format y '%.4g'
{extra}
plot {", ".join(plots)}
"""
        subprocess.run(["gnuplot"], input=script, text=True, check=True,
                       cwd=self.outdir)
        self.parts.append(f"![{title}]({base}.svg)")

    def not_measured(self, *items):
        """What no figure of the section tells."""
        self.parts.append("Not measured: " + "; ".join(
            " ".join(item.split()) for item in items) + ".")

    def end(self):
        """Write the section."""
        if self.commands:
            self.parts.append("Commands:\n\n" + "\n".join(
                "    " + command for command in self.commands))
        with open(f"{self.outdir}/{self.name}.md", "w",
                  encoding="utf-8") as out:
            out.write(f"## {self.title}\n\n" + "\n\n".join(self.parts) + "\n")
        with open(f"{self.outdir}/{self.name}.ratios", "w",
                  encoding="utf-8") as out:
            out.writelines(json.dumps(ratio, ensure_ascii=False) + "\n"
                           for ratio in self.ratios)


def main(measure, title):
    """Run measure(section), write the section, and exit."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} OUTDIR")
    section = Section(title)
    try:
        measure(section)
    except MeasuringFailed as failure:
        sys.exit(f"{section.name}: {failure}")
    section.end()
