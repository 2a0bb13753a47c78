"""What bench/compare writes: the table and the picture."""
import json
import math
import os
import statistics
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
COLOURS = ("#0b6", "#06b", "#b60")


def number(value, form="{:,.2f}"):
    return "" if value is None else form.format(value)


def middle(turns, name):
    have = [t[name] for t in turns if t.get(name) is not None]
    return statistics.median(have) if have and not isinstance(have[0], dict) else None


NOTES = {"layout_seconds": "layout alone {:.2f} s", "quality_tie": "with ties {:.4f}", "ef": "ef {:.0f}", "batch": "batch {:.0f}",
         "tokens_per_s": "{:,.0f} tokens/s", "labels_differ": "{:.0f} labels differ", "worst_gap": "the worst by {:.2g} of its distance",
         "iterations": "{:.0f} iterations", "scaled_from": "scaled from {:.1f} s"}


def notes(turns):
    return ", ".join(form.format(middle(turns, name)) for name, form in NOTES.items() if middle(turns, name) is not None)


def quality(turns):
    line = next((t for t in reversed(turns) if "quality" in t or "cosine_mean" in t), {})
    if "cosine_mean" in line:
        return f"{line['cosine_mean']:.5f} / {line['cosine_worst']:.5f}"
    q = middle(turns, "quality")
    if q is not None:
        return f"{q:.4f}"
    parts = line.get("quality")
    return f"{parts['trustworthiness']:.3f}, {parts['kept']:.3f}" if parts else ""


def program_line(name, p):
    turns = p["turns"]
    if not turns:
        return f"| {name} | 0 | | | | | | | {p.get('failed', '')} |"
    rounds = middle(turns, "rounds") or len(turns)
    least = min(min(t.get("all_seconds", [t["seconds"]])) for t in turns)
    share = middle(turns, "flops_share")
    return (f"| {name} | {rounds:.0f} | {number(middle(turns, 'seconds'))} | "
            f"{number(least)} | {number(middle(turns, 'cpu_seconds'))} | {quality(turns)} | "
            f"{number(share, '{:.0%}')} | {number(middle(turns, 'rss_mb'), '{:,.0f}')} | "
            f"{'; '.join(filter(None, [notes(turns), p.get('failed')]))} |")


def write_row(key, row):
    probes = row["probe_gflops"] or [0]
    return [f"## {key}: {row['title']}", "",
            f"{row['cpu']}, {row['when']}; sgemm probe before each round {min(probes)} to {max(probes)}, median "
            f"{statistics.median(probes):.0f} GFLOP/s.{' ' + row['note'] if 'note' in row else ''}", "",
            f"| program | rounds | seconds | least | CPU | {row['quality'] or 'quality'} | share of peak | MB | |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
            *(program_line(name, p) for name, p in row["programs"].items()), ""]


def write_results(results):
    """The hand-written part, above the first row, comes from RESULTS.head.md."""
    with open(os.path.join(HERE, "RESULTS.head.md"), encoding="utf-8") as f:
        out = f.read().splitlines() + [""]
    for key, row in sorted(results.items()):
        out += write_row(key, row)
    with open(os.path.join(HERE, "RESULTS.md"), "w", encoding="utf-8") as f:
        f.write("\n".join(out))


def span(values):
    low, high = math.log10(min(values)), math.log10(max(values))
    return low, max(high - low, 1e-9)


def panel(left, top, label, curves):
    """One small picture: seconds against what grows, both by powers of ten."""
    width, height = 270, 190
    (x0, xs), (y0, ys) = span([x for _, c in curves for x, _ in c]), span([y for _, c in curves for _, y in c])

    def at(x, y):
        return left + width * (math.log10(x) - x0) / xs, top + height - (height - 20) * (math.log10(y) - y0) / ys

    bottom = top + height + 6
    out = [f'<path d="M{left - 6} {top}V{bottom}H{left + width + 6}" fill="none" stroke="#888"/>',
           f'<text x="{left + width / 2:.0f}" y="{bottom + 32}" text-anchor="middle">{label}</text>']
    out += [f'<text x="{at(x, 10 ** y0)[0]:.0f}" y="{bottom + 16}" text-anchor="middle">{x:,}</text>'
            for x in sorted({x for _, c in curves for x, _ in c})]
    for i, (name, curve) in enumerate(curves):
        line = " ".join("{:.1f},{:.1f}".format(*at(x, y)) for x, y in curve)
        out.append(f'<polyline points="{line}" fill="none" stroke="{COLOURS[i]}" stroke-width="2"/>')
        for x, y in curve:
            px, py = at(x, y)
            out.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{COLOURS[i]}"/>'
                       f'<text x="{px:.1f}" y="{py - 7:.1f}" text-anchor="middle">{y:.2g}</text>')
        out.append(f'<text x="{left + 4}" y="{top + 4 + 14 * i}" fill="{COLOURS[i]}">{name}</text>')
    return out


def curves(bench):
    def seconds(command, n, d, threads=2):
        done = subprocess.run([bench, *command.split(), "--synthetic", f"{n},{d},1", "--threads", str(threads)],
                              stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)["seconds"]

    programs = (("k-means", "kmeans --k {k}"), ("neighbours", "knn --sample 1"), ("layout", "umap --sample 64"))
    n, d, k = 50000, 384, 500
    panels = [
        ("rows (384 columns, n / 100 clusters)", [(name, [(m, seconds(c.format(k=m // 100), m, d)) for m in (12500, 25000, 50000, 100000)])
                                                  for name, c in programs]),
        ("clusters (50,000 x 384)", [("k-means", [(m, seconds(f"kmeans --k {m}", n, d)) for m in (50, 500, 5000)])]),
        ("columns (50,000 rows)", [(name, [(m, seconds(c.format(k=k), n, m)) for m in (192, 384, 768)]) for name, c in programs]),
        ("threads (50,000 x 384)", [(name, [(t, seconds(c.format(k=k), n, d, t)) for t in (1, 2)]) for name, c in programs]),
    ]
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 560" font-family="sans-serif" font-size="11">',
           '<rect width="700" height="560" fill="#fff"/>',
           '<text x="40" y="20" font-size="13">Seconds, both axes by powers of ten; layout is end to end</text>']
    for i, (label, lines) in enumerate(panels):
        out += panel(50 + 340 * (i % 2), 45 + 260 * (i // 2), label, lines)
    with open(os.path.join(HERE, "scaling.svg"), "w", encoding="utf-8") as f:
        f.write("\n".join([*out, "</svg>", ""]))
