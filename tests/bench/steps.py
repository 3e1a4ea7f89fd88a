# SPDX-License-Identifier: Apache-2.0
"""The trace of a start (`runvm --trace-start FILE`, see src/lib/trace.h) as a table."""


def parse(text):
    """Lines `<microseconds> <who> <step>`. Return: [(us, who, step)], in the order of time."""
    found = []
    for line in text.splitlines():
        words = line.split(None, 2)
        if len(words) == 3 and words[0].isdigit():
            found.append((int(words[0]), words[1], words[2]))
    return merge(found, [])


def merge(a, b):
    return sorted(a + b, key=lambda step: step[0])


def relative(found):
    """[{at, since, own, who, step}]: microseconds since the first step, since the step before, and
    since the one before of the same process (None for its first)."""
    rows, last = [], {}
    for at, who, step in found:
        rows.append({"at": at - found[0][0], "since": at - (rows[-1]["us"] if rows else at),
                     "own": at - last[who] if who in last else None,
                     "who": who, "step": step, "us": at})
        last[who] = at
    for row in rows:
        del row["us"]
    return rows


def table(found):
    """A column for each process, in the order of their first steps; (+n): since its step before."""
    if not found:
        return "(no steps)"
    rows = relative(found)
    columns = list(dict.fromkeys(row["who"] for row in rows))
    cells = [row["step"] + (f" (+{row['own']})" if row["own"] is not None else "") for row in rows]
    width = {who: max(len(who), *(len(c) for c, r in zip(cells, rows) if r["who"] == who))
             for who in columns}
    lines = ["     us   +step  " + "  ".join(f"{who:{width[who]}}" for who in columns)]
    for row, cell in zip(rows, cells):
        indent = sum(width[who] + 2 for who in columns[:columns.index(row["who"])])
        lines.append(f"{row['at']:7}  {row['since']:+6}  {'':{indent}}{cell}")
    return "\n".join(line.rstrip() for line in lines)
