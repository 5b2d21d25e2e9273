// The pictures of single panels: reliability, ordinary code, and the moves of a comparison.
"use strict";
(() => {
  const { data, signed, drawCharts } = vulnscope;
  const LABELS = ["vulnerable", "fixed"];
  const color = { type: "ordinal", domain: LABELS, range: ["var(--vulnerable)", "var(--fixed)"] };
  const symbol = { domain: LABELS, range: ["circle", "square"] };
  const grid = { stroke: "var(--line)", strokeOpacity: 1, ticks: 5 };
  const dashed = { stroke: "var(--muted)", strokeDasharray: "3,3" };
  const minus = (value) => String(value).replace("-", "−");
  const percent = (value) => `${Math.round(100 * value)} %`;

  function drawReliability(width) {
    const bins = data.reliability;
    if (!bins.length) return null;
    const place = { x: "stated", y: (bin) => bin.share[0] };
    return Plot.plot({
      className: "plot", width, height: Math.min(width, 380), marginLeft: 48, marginBottom: 40, ariaLabel: "Stated probability against share vulnerable",
      x: { domain: [0, 1], label: "stated probability of vulnerable →", tickFormat: percent, ticks: 5 },
      y: { domain: [0, 1], label: "↑ share that is vulnerable", tickFormat: percent, ticks: 5 },
      marks: [
        Plot.gridY(grid),
        Plot.link([0], { x1: 0, y1: 0, x2: 1, y2: 1, ...dashed }),
        Plot.ruleX(bins.filter((bin) => bin.share[1] !== null), { x: "stated", y1: (bin) => bin.share[1], y2: (bin) => bin.share[2], stroke: "var(--muted)", strokeWidth: 3, strokeOpacity: 0.4 }),
        Plot.line(bins, { ...place, stroke: "var(--ink)", strokeWidth: 1.5 }),
        Plot.dot(bins, { ...place, r: 4, fill: "var(--surface)", stroke: "var(--ink)", strokeWidth: 1.5 }),
        Plot.tip(bins, Plot.pointer({ ...place, title: (bin) => `stated ${percent(bin.stated)}\nvulnerable ${percent(bin.share[0])}\n${bin.n} samples` })),
      ],
    });
  }

  function drawBackground(width) {
    const vulnerable = data.points.filter(([label]) => label === "vulnerable").map(([, margin]) => margin);
    const ordinary = data.background;
    if (!vulnerable.length || !ordinary.length) return null;
    const [low, high] = d3.extent([...vulnerable, ...ordinary, 0]);
    const bins = d3.bin().domain([low, high]).thresholds(d3.ticks(low, high, 28));
    const side = (values, sign) => bins(values).filter((bin) => bin.length).map((bin) => ({ x1: bin.x0, x2: bin.x1, y: (sign * bin.length) / values.length }));
    const bars = (values, sign, fill) => Plot.rectY(side(values, sign), { x1: "x1", x2: "x2", y1: 0, y2: "y", fill, inset: 0.5 });
    return Plot.plot({
      className: "plot", width, height: 300, marginLeft: 48, marginBottom: 40, ariaLabel: "Margins of vulnerable samples above, of ordinary functions below",
      x: { label: "margin (vulnerable →)", tickFormat: minus },
      y: { label: "share", tickFormat: (value) => percent(Math.abs(value)), ticks: 5 },
      marks: [
        Plot.gridY(grid), bars(vulnerable, 1, "var(--vulnerable)"), bars(ordinary, -1, "var(--muted)"),
        Plot.ruleY([0], { stroke: "var(--muted)" }), Plot.ruleX([0], dashed),
      ],
    });
  }

  function drawMoves(width) {
    const moves = data.moves.map(([label, before, after, saidBefore, saidAfter, sample, cwe]) => ({ label, before, after, saidBefore, saidAfter, sample, cwe }));
    if (!moves.length) return null;
    const isFlipped = (move) => move.saidBefore !== move.saidAfter;
    const [low, high] = d3.extent(moves.flatMap((move) => [move.before, move.after]));
    const room = (high - low || 1) * 0.05;
    const domain = [low - room, high + room];
    return Plot.plot({
      className: "plot", width, height: Math.min(width, 460), marginLeft: 48, marginBottom: 40, ariaLabel: "Margin after against before, by sample", color, symbol,
      x: { domain, label: "margin before →", tickFormat: minus, ticks: 6 },
      y: { domain, label: "↑ margin after", tickFormat: minus, ticks: 6 },
      marks: [
        Plot.gridY(grid), Plot.link([0], { x1: domain[0], y1: domain[0], x2: domain[1], y2: domain[1], ...dashed }),
        Plot.dot(moves.filter((move) => !isFlipped(move)), { x: "before", y: "after", stroke: "label", symbol: "label", r: 3, strokeOpacity: 0.55 }),
        Plot.dot(moves.filter(isFlipped), { x: "before", y: "after", fill: "label", symbol: "label", r: 4.5 }),
        Plot.tip(moves, Plot.pointer({ x: "before", y: "after", title: (move) => `${move.sample}\n${move.cwe}, ${move.label}\nmargin ${signed(move.before)} → ${signed(move.after)}\nsays ${move.saidBefore} → ${move.saidAfter}` })),
      ],
    });
  }

  drawCharts({ reliability: drawReliability, background: drawBackground, moves: drawMoves });
})();
