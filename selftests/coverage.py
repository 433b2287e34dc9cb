#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""selftests/coverage.py DIRECTORY: print which lines and branches ran of what
was built in DIRECTORY by `make coverage`, and name what did not.

The counts are gcov's.  A branch is one way out of a condition, as the compiler
sees it: each operand of && and || has two.  Of a function in a header, which
is built many times, a line has run if it did in one of them.  What ended by a
signal has left no counts.  All that is missed is written to
DIRECTORY/coverage.txt; the files in which the most is are printed.
"""

import collections
import json
import os
import subprocess
import sys

LINES_BAR = 90
BRANCHES_BAR = 80
PRINTED = 25
BATCH = 20
# What is generated for the benchmark of codecs, no test calls.
UNTRIED = 'tools/bench/codec/'
PARTS = ('lib/', 'tools/', 'uapi/')


class File:
    def __init__(self):
        self.lines = {}
        self.branches = {}  # of a line: what each has run
        self.functions = {}

    def add_line(self, number, count, branches):
        self.lines[number] = self.lines.get(number, 0) + count
        known = self.branches.get(number)
        if not known:
            self.branches[number] = branches
            return
        # Expanded twice in a function, a line has all its branches twice.
        if len(known) > len(branches):
            self.branches[number], branches = branches, known
            known = self.branches[number]
        if known and len(branches) % len(known) == 0:
            for i, ran in enumerate(branches):
                known[i % len(known)] += ran

    def totals(self):
        ways = [ran for line in self.branches.values() for ran in line]
        return (len(self.lines), sum(map(bool, self.lines.values())),
                len(ways), sum(map(bool, ways)))

    def missed(self):
        return sorted(n for n, ran in self.lines.items() if not ran)

    def half_taken(self):
        return sorted(n for n, ways in self.branches.items()
                      if self.lines[n] and not all(ways))

    def never_called(self):
        return sorted(name for name, ran in self.functions.items() if not ran)


def name_of(path, built, tree):
    """What a file is called in the report, or None if it is not in it."""
    path = os.path.realpath(path)
    if path.startswith(built + os.sep):
        name = os.path.relpath(path, built)
        return None if name.startswith(UNTRIED) else 'generated/' + name
    name = os.path.relpath(path, tree)
    return name if name.startswith(PARTS) else None


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
        file.add_line(line['line_number'], line['count'],
                      [way['count'] for way in line['branches']])
    for function in told['functions']:
        name = function['name']
        file.functions[name] = (file.functions.get(name, 0) +
                                function['execution_count'])


def ranges(file):
    """What was missed, as ranges of lines: what is between two lines missed
    belongs to them unless it ran."""
    spans = []
    numbers = sorted(file.lines)
    before = False
    for number in numbers:
        missed = not file.lines[number]
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


def what_is_left(name, file):
    told = [row(name, file.totals())]
    if file.never_called():
        told.append('    never called: ' + ', '.join(file.never_called()))
    if file.missed():
        told.append('    lines: ' + ranges(file))
    if file.half_taken():
        told.append('    branches of lines that ran: ' +
                    ', '.join(map(str, file.half_taken())))
    return told


def main():
    built = os.path.realpath(sys.argv[1])
    files = read(built, os.getcwd())
    if not any(file.totals()[1] for file in files.values()):
        sys.exit(f'coverage.py: nothing in {built} has counts: '
                 'run `make coverage`')
    parts = collections.defaultdict(list)
    for name, file in files.items():
        parts[os.path.dirname(name)].append(file.totals())
    table([(name, total(parts[name])) for name in sorted(parts)])

    def missing(name):
        lines, lines_ran, ways, ways_ran = files[name].totals()
        return lines_ran - lines + ways_ran - ways

    worst = sorted(files, key=lambda name: (missing(name), name))
    left = [what_is_left(name, files[name]) for name in worst
            if missing(name)]
    with open(os.path.join(built, 'coverage.txt'), 'w',
              encoding='ascii') as all_left:
        all_left.writelines(f'{line}\n' for told in left for line in told)
    print(f'Files of which the most is left, without half-taken branches '
          f'({sys.argv[1]}/coverage.txt has all):')
    for told in left[:PRINTED]:
        print('\n'.join(line for line in told
                        if not line.startswith('    branches')))

    lines, lines_ran, ways, ways_ran = total(
        file.totals() for file in files.values())
    share = percent(lines_ran, lines), percent(ways_ran, ways)
    print()
    for what, ran, bar in (('lines', share[0], LINES_BAR),
                           ('branches', share[1], BRANCHES_BAR)):
        print(f'{what}: the bar of {bar} % is '
              f'{"met" if ran >= bar else "missed"}')
    print(f'coverage: lines {share[0]:.1f} %, branches {share[1]:.1f} %')


if __name__ == '__main__':
    main()
