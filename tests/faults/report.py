"""Report: what was injected, how often, what the visitors saw of it, and the verdict."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.faults.checker import Verdict, Violation
from tests.faults.history import Announcement, Entry, History
from tests.faults.script import KINDS, left_out

if TYPE_CHECKING:
    from tests.faults.run import Plan


def text(plan: Plan, history: History, verdict: Verdict) -> str:
    """The whole report."""
    injected = _injected(history)
    lines = [f"\n{plan.store}, {plan.seconds:g} s, seed {plan.seed}" + (f", build {plan.build}" if plan.build else "")]
    lines += ["", f"{'fault':12}{'times':>6}{'seconds':>9}"]
    lines += [f"{kind:12}{n:6}{seconds:9.1f}  {KINDS[kind]}" for kind, (n, seconds) in injected.items()]
    lines += [f"{kind:12}{'–':>6}{'–':>9}  {why}" for kind, why in left_out(plan.store).items()]
    lines += ["", *(f"{name:22}{number:9,}" for name, number in sorted(verdict.counts.items()))]
    lines += ["", "listeners: " + ", ".join(f"{number:,} {kind}" for kind, number in sorted(history.events.items()))]
    told = (f"{number:,} {name}" for name, number in sorted(history.scraped.items()) if number)
    lines += ["metrics since the last start: " + ", ".join(told)]
    watch = plan.bounds.watch
    lines += [
        "",
        f"watch bound {watch:.1f} s; parallel requests saw what was at most {verdict.staleness:.3f} s old",
        f"an ended session was shown elsewhere for at most {verdict.lingering:.3f} s",
        "",
    ]
    if verdict.good:
        return "\n".join([*lines, "every promise was held", ""])
    rules = Counter(violation.rule for violation in verdict.violations)
    lines += [f"BROKEN: {rule} ({number})" for rule, number in rules.most_common()]
    for rule in rules:
        least = min((v for v in verdict.violations if v.rule == rule), key=lambda v: len(v.shown_by))
        lines += _shown(least, history)
    return "\n".join([*lines, ""])


def figures(plan: Plan, history: History, verdict: Verdict) -> dict[str, Any]:
    """The same for programs."""
    return {
        "store": plan.store,
        "seconds": plan.seconds,
        "seed": plan.seed,
        "injected": {kind: number for kind, (number, _) in _injected(history).items()},
        "left out": left_out(plan.store),
        "counts": dict(verdict.counts),
        "events": history.events,
        "scraped": history.scraped,
        "watch bound": plan.bounds.watch,
        "staleness": verdict.staleness,
        "lingering": verdict.lingering,
        "violations": [{"rule": v.rule, "session": v.session, "what": v.what} for v in verdict.violations],
        "good": verdict.good,
    }


def _injected(history: History) -> dict[str, tuple[int, float]]:
    injected: dict[str, tuple[int, float]] = {}
    for each in history.injections:
        number, seconds = injected.get(each.kind, (0, 0.0))
        injected[each.kind] = number + 1, seconds + each.healed_at - each.begun_at
    return dict(sorted(injected.items()))


def _shown(violation: Violation, history: History) -> list[str]:
    """A violation with what shows it, and the faults of that time; times from the first of what is shown."""
    lines = ["", f"{violation.rule}: session {violation.session}: {violation.what}"]
    if not violation.shown_by:
        return lines
    times = [_at(each) for each in violation.shown_by]
    start, end = min(times), max(times)
    lines += [f"  {_line(each, start)}" for each in violation.shown_by]
    lines += [
        f"  {each.begun_at - start:+8.3f} … {each.healed_at - start:+.3f} s  fault {each.kind}, node {each.node}"
        for each in history.injections
        if each.begun_at <= end and each.healed_at >= start - 1
    ]
    return lines


def _at(each: Entry | Announcement) -> float:
    return each.sent_at if isinstance(each, Entry) else each.at


def _line(each: Entry | Announcement, start: float) -> str:
    if isinstance(each, Announcement):
        return f"{each.at - start:+8.3f} s  node {each.node} announced {each.event_id} ({each.reason})"
    return (
        f"{each.sent_at - start:+8.3f} … {each.got_at - start:+.3f} s  client {each.client} at node {each.node}: "
        f"{each.op} {each.token or ''} id {each.given or '-'} told v{each.told} -> {each.status} "
        f"{each.ref} v{each.version} last {each.last} ({len(each.tokens)} tokens)"
    )
