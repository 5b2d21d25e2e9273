// The pictures. Each is drawn to the width of its figure and drawn again when that changes.
"use strict";
(() => {
  const { data, signed, told, note } = vulnscope;
  if (!data.points) return; // the page of a comparison
  const LABELS = ["vulnerable", "fixed"];
  const COLORS = ["var(--vulnerable)", "var(--fixed)"];
  const color = { type: "ordinal", domain: LABELS, range: COLORS };
  const points = data.points.map(([label, margin, acquiescence, says, sample, cwe, decided]) => ({ label, margin, acquiescence, says, sample, cwe, decided }));
  const inLayers = [...data.slices.slice(1), data.slices[0]]; // all samples on top
  const isNumber = (value) => value !== null;

  function domainOf(values, ...also) {
    const [low, high] = d3.extent([...values, ...also]);
    const room = (high - low || 1) * 0.05;
    return [low - room, high + room];
  }

  const zero = (axis) => (axis === "x" ? Plot.ruleX([0], { stroke: "var(--muted)", strokeDasharray: "3,3" }) : Plot.ruleY([0], { stroke: "var(--muted)", strokeDasharray: "3,3" }));
  const grid = { stroke: "var(--line)", strokeOpacity: 1, ticks: 5 };

  function drawBias(width) {
    const shown = inLayers.filter((slice) => isNumber(slice.yes[0]) && isNumber(slice.auroc[0]));
    if (!shown.length) return null;
    const place = { x: (slice) => slice.yes[0], y: (slice) => slice.auroc[0] };
    return Plot.plot({
      className: "plot", width, height: 330, marginLeft: 44, marginBottom: 40, ariaLabel: "AUROC against yes-rate, by slice",
      x: { domain: [0, 1], label: "says vulnerable →", tickFormat: (value) => `${100 * value} %`, ticks: 5 },
      y: { domain: [0, 1], label: "↑ AUROC", ticks: 5 },
      marks: [
        Plot.gridY(grid),
        Plot.ruleY([0.5], { stroke: "var(--muted)", strokeDasharray: "3,3" }),
        Plot.ruleX(shown.filter((slice) => isNumber(slice.auroc[1])), { x: place.x, y1: (slice) => slice.auroc[1], y2: (slice) => slice.auroc[2], stroke: "var(--muted)", strokeWidth: 3, strokeOpacity: 0.35 }),
        Plot.dot(shown, { ...place, r: (slice) => (slice.kind === "all" ? 6 : 4), fill: (slice) => (slice.kind === "all" ? "var(--ink)" : "var(--surface)"), stroke: "var(--ink)", strokeWidth: 1.5 }),
        Plot.tip(shown, Plot.pointer({ ...place, title: (slice) => `${slice.name}\n${slice.n_pairs} pairs\nAUROC ${slice.auroc[0].toFixed(2)}${isNumber(slice.auroc[1]) ? ` [${slice.auroc[1].toFixed(2)}, ${slice.auroc[2].toFixed(2)}]` : ""}\nsays vulnerable ${Math.round(100 * slice.yes[0])} %` })),
      ],
      r: { type: "identity" },
    });
  }

  function drawDetection(width, figure) {
    const shown = inLayers.filter((slice) => isNumber(slice.d) && isNumber(slice.c));
    const rest = data.slices.filter((slice) => !shown.includes(slice));
    const text = rest.length && `Not identified (too few of one answer on a side), hence not shown: ${rest.map((slice) => slice.name).join(", ")}.`;
    if (!shown.length) return note(figure, text), null;
    const reach = d3.max(shown, (slice) => Math.abs(slice.c)) * 1.2 || 1;
    const place = { x: "c", y: "d" };
    const chart = Plot.plot({
      className: "plot", width, height: 330, marginLeft: 44, marginBottom: 40, ariaLabel: "d prime against criterion, by slice",
      x: { domain: [-Math.max(reach, 1), Math.max(reach, 1)], label: "criterion c", labelAnchor: "center", tickFormat: signed, ticks: 5 },
      y: { domain: domainOf(shown.map((slice) => slice.d), 0, 1), label: "↑ d′", ticks: 5 },
      marks: [
        Plot.gridY(grid), zero("x"), zero("y"),
        Plot.text(["← leans to vulnerable"], { frameAnchor: "top-left", dy: 4, dx: 4, textAnchor: "start", fill: "var(--vulnerable)" }),
        Plot.text(["leans to secure →"], { frameAnchor: "top-right", dy: 4, dx: -4, textAnchor: "end", fill: "var(--fixed)" }),
        Plot.dot(shown, { ...place, r: (slice) => (slice.kind === "all" ? 6 : 4), fill: (slice) => (slice.kind === "all" ? "var(--ink)" : "var(--surface)"), stroke: "var(--ink)", strokeWidth: 1.5 }),
        Plot.tip(shown, Plot.pointer({ ...place, title: (slice) => `${slice.name}\n${slice.n_pairs} pairs\nd′ ${signed(slice.d)}\nc ${signed(slice.c)}` })),
      ],
      r: { type: "identity" },
    });
    return { chart, text };
  }

  function drawDistribution(width) {
    const bins = { thresholds: d3.ticks(...domainOf(points.map((point) => point.margin), 0), 28) };
    const side = (label, sign) => Plot.rectY(points.filter((point) => point.label === label), Plot.binX({ y: (values) => sign * values.length }, { x: { value: "margin", ...bins }, fill: COLORS[LABELS.indexOf(label)], inset: 0.5, tip: { format: { y: (value) => Math.abs(value) } } }));
    return Plot.plot({
      className: "plot", width, height: 280, marginLeft: 44, marginBottom: 40, ariaLabel: "Distribution of margins, vulnerable above, fixed below",
      x: { label: "margin, nats (vulnerable →)", tickFormat: (value) => String(value).replace("-", "−") },
      y: { label: "samples", tickFormat: (value) => Math.abs(value), ticks: 5 },
      marks: [Plot.gridY(grid), side("vulnerable", 1), side("fixed", -1), Plot.ruleY([0], { stroke: "var(--muted)" }), zero("x")],
    });
  }

  function drawAcquiescence(width, figure) {
    const text = points.length < data.n_points && `${points.length} of ${data.n_points} samples are drawn, evenly chosen.`;
    const chart = Plot.plot({
      className: "plot", width, height: 280, marginLeft: 44, marginBottom: 40, ariaLabel: "Acquiescence against margin, by sample", color,
      symbol: { domain: LABELS, range: ["circle", "square"] },
      x: { label: "margin, nats (vulnerable →)", tickFormat: (value) => String(value).replace("-", "−") },
      y: { label: "↑ acquiescence, nats", ticks: 5, tickFormat: (value) => String(value).replace("-", "−") },
      marks: [
        Plot.gridY(grid), zero("x"), zero("y"),
        Plot.dot(points, { x: "margin", y: "acquiescence", stroke: "label", symbol: "label", r: 3, strokeWidth: 1.3, strokeOpacity: 0.75 }),
        Plot.tip(points, Plot.pointer({ x: "margin", y: "acquiescence", title: (point) => `${point.sample}\n${point.cwe}, ${point.label}\nmargin ${signed(point.margin)}, acquiescence ${signed(point.acquiescence)}\n${told(point.says, point.decided)}` })),
      ],
    });
    return { chart, text };
  }

  function drawTwins(width) {
    if (!data.pairs.length) return null;
    const twins = d3.sort(data.pairs.map((pair, index) => ({ ...pair, index })), (pair) => pair.margins[0] - pair.margins[1]);
    twins.forEach((pair, rank) => (pair.rank = rank));
    const { left, right } = d3.bisector((pair) => pair.margins[0] - pair.margins[1]);
    const nWrong = left(twins, 0), nTied = right(twins, 0) - nWrong, nRight = twins.length - nWrong - nTied;
    const isDense = width / twins.length < 5;
    const size = isDense ? 1.5 : 3;
    const both = (side) => ({ x: "rank", y: (pair) => pair.margins[side] });
    const chart = Plot.plot({
      className: "plot", width, height: 300, marginLeft: 44, marginBottom: 24, ariaLabel: "Margins of both twins of every pair, sorted by their difference",
      x: { domain: [-0.5, twins.length - 0.5], axis: null, inset: 6 },
      y: { label: "↑ margin, nats", ticks: 5, tickFormat: (value) => String(value).replace("-", "−") },
      marks: [
        Plot.gridY(grid), zero("y"),
        Plot.ruleX([nWrong, nWrong + nTied].filter((place) => place > 0 && place < twins.length), { x: (place) => place - 0.5, stroke: "var(--ink)", strokeDasharray: "2,3" }),
        Plot.ruleX(twins, { x: "rank", y1: (pair) => pair.margins[0], y2: (pair) => pair.margins[1], stroke: "var(--muted)", strokeOpacity: isDense ? 0.35 : 0.5, strokeWidth: isDense ? 1 : 1.5 }),
        Plot.dot(twins, { ...both(1), fill: COLORS[1], r: size, symbol: "square" }),
        Plot.dot(twins, { ...both(0), fill: COLORS[0], r: size }),
        Plot.text([`${nWrong} of ${twins.length} ranked wrong${nTied ? `, ${nTied} tied` : ""}`], { frameAnchor: "bottom-left", dy: 18, textAnchor: "start" }),
        Plot.text([`${nRight} ranked right`], { frameAnchor: "bottom-right", dy: 18, textAnchor: "end" }),
        Plot.tip(twins, Plot.pointerX({ x: "rank", y: (pair) => d3.max(pair.margins), title: (pair) => `${pair.id}\n${pair.cwe}, ${pair.language}\n${LABELS.map((label, side) => `${label}: margin ${signed(pair.margins[side])}, ${told(pair.says[side], pair.decided[side])}`).join("\n")}` })),
      ],
    });
    chart.addEventListener("click", () => chart.value && document.dispatchEvent(new CustomEvent("pair", { detail: chart.value.index })));
    return { chart, text: data.n_pairs_not_shown && `${data.n_pairs_not_shown} further pairs are in the figures but not drawn.` };
  }

  vulnscope.drawCharts({ bias: drawBias, detection: drawDetection, distribution: drawDistribution, acquiescence: drawAcquiescence, twins: drawTwins });
})();
