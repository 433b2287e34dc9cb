#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""selftests/coverage.py DIRECTORY: print which lines and branches ran of what
was built in DIRECTORY by `make coverage`, and name what did not.

The counts are gcov's.  A branch is one way out of a condition, as the compiler
sees it: each operand of && and || has two.  It is counted once for each
function, so nothing is inlined in this build; of a function in a header, which
is built many times, a line or a branch has run if it did in one of them.
Generated code is all that fastipc-gen makes of the schemas of tests, the
accessors in its headers that nobody calls included.

What ended by a signal has left no counts.  All that is missed is written to
DIRECTORY/coverage.txt, by function; the functions in which the most is are
printed.
"""

import collections
import json
import os
import subprocess
import sys

LINES_BAR = 90
BRANCHES_BAR = 80
PRINTED = 40
BATCH = 20
# What is generated for the benchmark of codecs, no test calls.
UNTRIED = 'tools/bench/codec/'
GENERATED = ('.fastipc.c', '.fastipc.h')
GROUPS = {'library': ('lib/', 'uapi/'), 'tools': ('tools/',),
          'generated': ('generated/',)}


class Function:
    def __init__(self):
        self.calls = 0
        self.lines = {}
        self.branches = {}  # of a line: what each has run

    def add(self, number, count, branches):
        self.lines[number] = self.lines.get(number, 0) + count
        known = self.branches.get(number, [0] * len(branches))
        self.branches[number] = list(map(sum, zip(known, branches)))

    def missed_lines(self):
        return sorted(n for n, ran in self.lines.items() if not ran)

    def missed_branches(self):
        """The lines, one for each branch."""
        return sorted(n for n, ways in self.branches.items()
                      for ran in ways if not ran)


class File:
    def __init__(self):
        self.functions = collections.defaultdict(Function)

    def totals(self):
        lines = collections.Counter()
        ways = []
        for function in self.functions.values():
            lines.update(function.lines)
            for counts in function.branches.values():
                ways += counts
        return (len(lines), sum(map(bool, lines.values())),
                len(ways), sum(map(bool, ways)))


def name_of(path, built, tree):
    """What a file is called in the report, or None if it is not in it."""
    path = os.path.realpath(path)
    if path.startswith(built + os.sep):
        name = os.path.relpath(path, built)
        if name.startswith(UNTRIED) or not name.endswith(GENERATED):
            return None
        return 'generated/' + name
    name = os.path.relpath(path, tree)
    return name if group_of(name) else None


def group_of(name):
    for group, starts in GROUPS.items():
        if name.startswith(starts):
            return group
    return None


def notes(built):
    for directory, _, files in os.walk(built):
        for file in files:
            if file.endswith('.gcno'):
                yield os.path.join(directory, file)


def read(built, tree):
    files = collections.defaultdict(File)
    units = sorted(notes(built))
    for first in range(0, len(units), BATCH):
        ran = subprocess.run(
            [os.environ.get('GCOV', 'gcov'), '--json-format', '--stdout',
             '--branch-probabilities', *units[first:first + BATCH]],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        # Killed while it wrote them, a process may leave half its counts.
        if ran.returncode:
            print('coverage.py: some counts of', *units[first:first + BATCH],
                  'cannot be read', file=sys.stderr)
        for text in ran.stdout.splitlines():
            unit = json.loads(text)
            for told in unit['files']:
                path = os.path.join(unit['current_working_directory'],
                                    told['file'])
                name = name_of(path, built, tree)
                if name:
                    add(files[name], told)
    return files


def add(file, told):
    for line in told['lines']:
        file.functions[line['function_name']].add(
            line['line_number'], line['count'],
            [way['count'] for way in line['branches']])
    for function in told['functions']:
        file.functions[function['name']].calls += function['execution_count']


def ranges(function):
    """What was missed, as ranges of lines: what is between two lines missed
    belongs to them unless it ran."""
    spans = []
    before = False
    for number in sorted(function.lines):
        missed = not function.lines[number]
        if missed and before:
            spans[-1][1] = number
        elif missed:
            spans.append([number, number])
        before = missed
    return ', '.join(str(a) if a == b else f'{a}-{b}' for a, b in spans)


def percent(ran, all_):
    return 100 * ran / all_ if all_ else 100


def row(name, totals):
    lines, lines_ran, ways, ways_ran = totals
    return (f'{name:32} {lines:6} {lines - lines_ran:6} '
            f'{percent(lines_ran, lines):6.1f} % {ways:8} '
            f'{ways - ways_ran:6} {percent(ways_ran, ways):6.1f} %')


def table(rows):
    print(f'{"":32} {"lines":>6} {"missed":>6} {"ran":>8} '
          f'{"branches":>8} {"missed":>6} {"ran":>8}')
    for name, totals in rows:
        print(row(name, totals))
    print()


def total(many):
    return tuple(map(sum, zip(*many)))


def counted(count, what):
    return f'{count} {what}' + ('' if count == 1 else 's')


def lost(name, function):
    """What a function misses, in a line; None if that is nothing."""
    lines, ways = function.missed_lines(), function.missed_branches()
    if not lines and not ways:
        return None
    if not function.calls:
        return f'{name}() is never called: {counted(len(lines), "line")}'
    told = []
    if lines:
        told.append(f'{counted(len(lines), "line")} ({ranges(function)})')
    half = sorted({n for n in ways if function.lines[n]})
    if ways:
        told.append(counted(len(ways), 'way') + ' out of a condition' +
                    (f' ({", ".join(map(str, half))})' if half else ''))
    return f'{name}(): ' + ', '.join(told)


def loss(function):
    return len(function.missed_lines()) + len(function.missed_branches())


def report(files, path):
    """Write all that is missed, and print the functions that miss most."""
    functions = []
    with open(path, 'w', encoding='ascii') as out:
        for name in sorted(files):
            print(row(name, files[name].totals()), file=out)
            for function in sorted(files[name].functions.items()):
                told = lost(*function)
                if told:
                    print('    ' + told, file=out)
                    functions.append((-loss(function[1]), name, told))
    print(f'{counted(len(functions), "function")} of {len(files)} files '
          f'miss something ({path} has all); the most:')
    for _, name, told in sorted(functions)[:PRINTED]:
        print(f'{name}: {told}')
    print()


def judge(group, totals):
    shares = percent(*totals[1::-1]), percent(*totals[:1:-1])
    met = shares[0] >= LINES_BAR and shares[1] >= BRANCHES_BAR
    print(f'{group}: lines {shares[0]:.1f} %, branches {shares[1]:.1f} %: '
          f'the bar of {LINES_BAR} % and {BRANCHES_BAR} % is '
          f'{"met" if met else "missed"}')


def main():
    built = os.path.realpath(sys.argv[1])
    files = read(built, os.getcwd())
    if not any(file.totals()[1] for file in files.values()):
        sys.exit(f'coverage.py: nothing in {built} has counts: '
                 'run `make coverage`')
    parts = collections.defaultdict(list)
    groups = {group: [] for group in GROUPS}
    for name, file in files.items():
        parts[os.path.dirname(name)].append(file.totals())
        groups[group_of(name)].append(file.totals())
    table([(name, total(parts[name])) for name in sorted(parts)])
    report(files, os.path.join(sys.argv[1], 'coverage.txt'))
    for group, totals in groups.items():
        judge(group, total(totals))
    judge('coverage', total(sum(groups.values(), [])))


if __name__ == '__main__':
    main()
