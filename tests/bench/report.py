# SPDX-License-Identifier: Apache-2.0
"""The figures: samples by part, metric and contestant; as a text table and as JSON."""

import json
import statistics

# Digits behind the point by unit: no more than the figures are good for.
DIGITS = {"ms": 1, "us": 0, "MB/s": 0, "MiB": 1, "s": 2}


class Skip(Exception):
    """A contestant or a part that cannot run; the text says why."""


def quartiles(samples):
    if len(samples) < 2:
        return samples[0], samples[0]
    q = statistics.quantiles(samples, n=4, method="inclusive")
    return q[0], q[2]


class Figures:
    def __init__(self):
        self.facts = {}
        self.parts = {}  # part -> {"title": ..., "metrics": {metric: {...}}, "notes": [...]}
        self.part = None

    def begin(self, part, title):
        self.part = {"title": title, "metrics": {}, "notes": [], "skipped": {}}
        self.parts[part] = self.part

    def add(self, metric, unit, contestant, value, detail=False):
        """A detail is shown in a table of its contestant's, without ratios."""
        m = self.part["metrics"].setdefault(metric,
                                            {"unit": unit, "samples": {}, "detail": detail})
        m["samples"].setdefault(contestant, []).append(value)

    def note(self, text):
        if text not in self.part["notes"]:
            self.part["notes"].append(text)

    def skip(self, contestant, reason):
        self.part["skipped"].setdefault(contestant, reason)

    def text_block(self, text):
        """Text of a part's own making, below its table."""
        self.part["text"] = text

    # --- as text ---

    def part_text(self, name):
        part = self.parts[name]
        lines = [f"== {name}: {part['title']}"]
        own = {}  # contestant -> details, and metrics that it alone has: one table for all of them
        for metric, m in part["metrics"].items():
            if m["detail"] or len(m["samples"]) == 1:
                for contestant in m["samples"]:
                    own.setdefault(contestant, []).append((metric, m))
            else:
                lines += ["", *metric_table(metric, m)]
        for contestant, metrics in own.items():
            lines += ["", *own_table(contestant, metrics)]
        if part["skipped"]:
            lines.append("")
        for contestant, reason in part["skipped"].items():
            lines.append(f"not measured: {contestant}: {reason}")
        for note in part["notes"]:
            lines.append(f"note: {note}")
        if "text" in part:
            lines += ["", part["text"]]
        return "\n".join(lines) + "\n"

    def facts_text(self):
        width = max(len(k) for k in self.facts)
        return "".join(f"{k:{width}}  {v}\n" for k, v in self.facts.items())

    # --- as JSON ---

    def as_json(self):
        parts = {}
        for name, part in self.parts.items():
            metrics = {}
            for metric, m in part["metrics"].items():
                medians = {c: statistics.median(s) for c, s in m["samples"].items()}
                metrics[metric] = {"unit": m["unit"], "contestants": {
                    c: summary(s, medians) for c, s in m["samples"].items()}}
            parts[name] = {"title": part["title"], "metrics": metrics,
                           "skipped": part["skipped"], "notes": part["notes"]}
            if "steps" in part:
                parts[name]["steps"] = part["steps"]
        return json.dumps({"facts": self.facts, "parts": parts}, indent=1) + "\n"


def summary(samples, medians):
    median = statistics.median(samples)
    q1, q3 = quartiles(samples)
    return {"n": len(samples), "median": median, "q1": q1, "q3": q3, "min": min(samples),
            "max": max(samples), "samples": samples,
            "ratio_to": {c: median / m for c, m in medians.items() if m}}


def references(contestants):
    """Who the others are compared with: the first, and a cold start."""
    if len(contestants) < 2:
        return []
    return [contestants[0]] + [c for c in contestants[1:] if c == "runvm cold"]


HEAD = f"{'median':>9}  {'quartiles':>19}  {'range':>19}  {'n':>3}"


def row(label, samples, digits):
    q1, q3 = quartiles(samples)
    return (f"  {label:50} {statistics.median(samples):9.{digits}f}"
            f"  {q1:8.{digits}f} - {q3:8.{digits}f}"
            f"  {min(samples):8.{digits}f} - {max(samples):8.{digits}f}  {len(samples):3}")


def metric_table(metric, m):
    """A line for each contestant, with ratios of the medians."""
    samples = m["samples"]
    against = references(list(samples))
    ratios = "".join(f"  {'/ ' + c:>12}" for c in against)
    lines = [f"{metric + ', ' + m['unit']:52} {HEAD}{ratios}"]
    for contestant, s in samples.items():
        line = row(contestant, s, DIGITS[m["unit"]])
        for c in against:
            reference = statistics.median(samples[c])
            ratio = f"{statistics.median(s) / reference:.3g}" if reference > 0 else ""
            line += f"  {ratio:>12}"
        lines.append(line.rstrip())
    return lines


def own_table(contestant, metrics):
    """A line for each metric."""
    return [f"{contestant:52} {HEAD}"] + [
        row(f"{metric}, {m['unit']}", m["samples"][contestant], DIGITS[m["unit"]])
        for metric, m in metrics]
