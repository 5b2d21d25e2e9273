"""The engine's record as Markdown."""

from __future__ import annotations

from typing import Any

from benchmarks.engine import captures, sweeps

_COLUMNS = (
    "work",
    "ours",
    "peak memory",
    "floor",
    "ratio to floor (target)",
    "peer",
    "peer's time",
    "speed-up (target)",
    "agreement",
)


def render(record: dict[str, Any]) -> str:
    """One line per piece of work and peer, and what the columns mean."""
    machine = record["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items() if number)
    subjects = list(dict.fromkeys(row["subject"] for row in record["work"] if "subject" in row))
    lines = [
        "## Engine",
        "",
        f"{machine['device']}, {machine['threads']} thread(s), {versions}, {machine['date']}. Seconds are CPU seconds "
        f"(on a GPU: seconds of the clock). {'; '.join(subjects)}.",
        "",
        _line(*_COLUMNS),
        "|" + "---|" * len(_COLUMNS),
    ]
    for row in record["work"]:
        lines += _lines(row)
    floors = [(module.__doc__ or "").split("\n\n")[1].replace("\n", " ").strip() for module in (sweeps, captures)]
    return "\n".join([*lines, "", *floors])


def _lines(row: dict[str, Any]) -> list[str]:
    if "not_measured" in row:
        return [_line(row["work"], "not measured", "", "", "", row["not_measured"], "", "", "")]
    target = row.get("target_to_floor")
    own = [
        row["work"],
        f"{row['ours_seconds']:.2f} s",
        f"{row['peak_mib']:,.0f} MiB" if row.get("peak_mib") else "",
        f"{row['floor_seconds']:.2f} s" if "floor_seconds" in row else "",
        f"{row['ratio_to_floor']:.2f}{f' (≤ {target})' if target else ''}" if "ratio_to_floor" in row else "",
    ]
    if "forward_tokens_per_second" in row:
        speed = f"forward {row['forward_tokens_per_second']:,.0f} tokens/s; {row['points_per_second']:,.0f} points/s"
        return [_line(*own, row["subject"], "", speed, "")]
    peers = row["peers"] or [{}]
    return [_line(*(own if number == 0 else [""] * 5), *_peer(peer)) for number, peer in enumerate(peers)]


def _peer(peer: dict[str, Any]) -> list[str]:
    if not peer:
        return [""] * 4
    if "not_measured" in peer:
        return [peer["name"], "not measured", "", peer["not_measured"]]
    agreement = peer.get("agreement", "")
    if "largest_difference_nats" in peer:
        agreement = f"{peer['largest_difference_nats']:.0e} nats"
    elif "largest_difference" in peer:
        agreement = f"{peer['largest_difference']:.0e}"
    time = f"{peer['seconds']:.0f} s ({peer['measured']})"
    speed_up = f"**{peer['speed_up']:.1f}×**" + (f" (≥ {peer['target']:g}×)" if peer["target"] else " (no target)")
    return [peer["name"], time, speed_up, agreement]


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"
