// The pair browser: filters, a list, and the chosen pair with its diff.
"use strict";
(() => {
  const { data, element, signed, told } = vulnscope;
  if (!document.getElementById("pair-list")) {
    document.documentElement.dataset.ready = "true"; // the page of a comparison has no pair browser
    return;
  }
  const CONTEXT = 4;
  const LABELS = ["vulnerable", "fixed"];
  const byId = (name) => document.getElementById(`pair-${name}`);
  const list = byId("list"), view = byId("view"), count = byId("count");
  const gap = (pair) => pair.margins[0] - pair.margins[1];
  const saidBoth = (first, second) => (pair) => pair.says[0] === first && pair.says[1] === second;

  const OUTCOMES = {
    "any outcome": () => true,
    "both right": saidBoth("vulnerable", "fixed"),
    "both called vulnerable": saidBoth("vulnerable", "vulnerable"),
    "both called secure": saidBoth("fixed", "fixed"),
    "both wrong": saidBoth("fixed", "vulnerable"),
    "an answer unparsed": (pair) => pair.says.includes("unparsed"),
    "ranked right": (pair) => gap(pair) > 0,
    "ranked wrong": (pair) => gap(pair) < 0,
  };
  const ORDERS = {
    "as in the corpus": null,
    "ranked worst first": (a, b) => gap(a) - gap(b),
    "ranked best first": (a, b) => gap(b) - gap(a),
    "most alike first": (a, b) => Math.abs(gap(a)) - Math.abs(gap(b)),
  };

  function fill(select, names) {
    select.append(...names.map((name) => element("option", { value: name, text: name })));
  }
  const distinct = (field) => [...new Set(data.pairs.map((pair) => pair[field]))].sort();

  const texts = data.pairs.map((pair) => {
    const code = pair.diff.map(([left, right]) => `${left?.join("") ?? ""}\n${right?.join("") ?? ""}`).join("\n");
    return `${pair.id}\n${pair.cwe}\n${pair.language}\n${code}`.toLowerCase();
  });
  let shown = [];
  let current = 0;

  function outcome(pair) {
    return Object.keys(OUTCOMES).slice(1, 6).find((name) => OUTCOMES[name](pair));
  }

  function refresh() {
    const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const cwe = byId("cwe"), language = byId("language");
    shown = data.pairs
      .map((pair, index) => ({ pair, index }))
      .filter(({ pair, index }) =>
        (cwe.selectedIndex === 0 || pair.cwe === cwe.value) &&
        (language.selectedIndex === 0 || pair.language === language.value) &&
        OUTCOMES[byId("outcome").value](pair) &&
        words.every((word) => texts[index].includes(word)));
    const order = ORDERS[byId("order").value];
    if (order) shown.sort((a, b) => order(a.pair, b.pair));
    count.textContent = shown.length === data.pairs.length ? `${shown.length} pairs` : `${shown.length} of ${data.pairs.length} pairs`;
    list.replaceChildren(...shown.map(({ pair, index }) =>
      element("li", {}, element("button", { type: "button", "data-index": index }, pair.id,
        element("small", { text: data.readout === "log-odds" ? `${outcome(pair)} · ${signed(gap(pair))}` : outcome(pair) })))));
    if (!shown.length) view.replaceChildren(element("div", { class: "pair-head" }, element("p", { text: "No pair matches." })));
    else select(shown.some(({ index }) => index === current) ? current : shown[0].index);
  }

  function select(index) {
    current = index;
    for (const button of list.querySelectorAll("button")) {
      const isCurrent = Number(button.dataset.index) === index;
      button.setAttribute("aria-current", isCurrent);
      button.tabIndex = isCurrent ? 0 : -1;
      if (isCurrent) list.scrollTop = Math.min(Math.max(list.scrollTop, button.offsetTop - list.offsetTop + button.offsetHeight - list.clientHeight), button.offsetTop - list.offsetTop);
    }
    draw();
  }

  function draw() {
    const pair = data.pairs[current];
    const isWide = view.clientWidth >= 620;
    view.replaceChildren(
      element("div", { class: "pair-head" },
        element("h3", { text: pair.id }),
        element("p", { text: `${pair.cwe} · ${pair.language} · ${outcome(pair)} · ${hasMargins ? "margins" : "verdicts"} ${gap(pair) > 0 ? "ranked right" : gap(pair) < 0 ? "ranked wrong" : "tied"}` }),
        ...pair.notes.map((text) => element("p", { text: `Note: ${text}` })),
        hasMargins ? drawMargins(pair) : ""),
      drawDiff(pair, isWide));
  }

  // Both margins on one axis, the same for all pairs, so that pairs can be compared while browsing.
  const hasMargins = data.readout === "log-odds";
  const reach = d3.max(data.pairs, (pair) => d3.max(pair.margins, Math.abs)) || 1;
  function drawMargins(pair) {
    const sides = pair.margins.map((margin, side) => ({ margin, label: LABELS[side] }));
    return Plot.plot({
      className: "plot", width: Math.min(Math.max(view.clientWidth - 34, 260), 560), height: 60, marginLeft: 8, marginRight: 8, marginTop: 4, marginBottom: 38,
      ariaLabel: "Both margins",
      x: { domain: [-reach, reach], label: "margin, nats (vulnerable →)", ticks: 5, tickFormat: (value) => String(value).replace("-", "−") },
      y: { axis: null, domain: [0, 1] },
      marks: [
        Plot.ruleX([0], { stroke: "var(--muted)", strokeDasharray: "3,3" }),
        Plot.ruleY([0.5], { x1: d3.min(pair.margins), x2: d3.max(pair.margins), stroke: "var(--muted)", strokeWidth: 1.5 }),
        Plot.dot(sides.slice(1), { x: "margin", y: () => 0.5, r: 5, fill: "var(--fixed)", symbol: "square" }),
        Plot.dot(sides.slice(0, 1), { x: "margin", y: () => 0.5, r: 5, fill: "var(--vulnerable)" }),
      ],
    });
  }

  function heading(pair, side) {
    return element("th", { scope: "col", colspan: 2, class: LABELS[side] },
      `${["Vulnerable", "Fixed"][side]} twin`,
      element("small", { text: `${told(pair.says[side], pair.decided[side])}${hasMargins ? ` · margin ${signed(pair.margins[side])}` : ""}` }));
  }

  // A line as cells: number and text; every second segment is a changed one.
  function line(segments, number, side, sign) {
    if (!segments) return [element("td", { class: "gutter" }), element("td", { class: "none" })];
    const text = element("td", { class: sign ? side : null });
    segments.forEach((part, place) => part && text.append(place % 2 && sign ? element("mark", { text: part }) : part));
    return [element("td", { class: `gutter ${sign ? side : ""}`, text: `${number} ${sign}` }), text];
  }

  function drawDiff(pair, isWide) {
    const table = element("table", { class: "diff" }, element("caption", { text: `Diff of ${pair.id}` }));
    const columns = element("colgroup", {}, ...Array.from({ length: isWide ? 2 : 1 }, () => [element("col", { class: "gutter" }), element("col")]).flat());
    table.append(columns);
    if (isWide) table.append(element("thead", {}, element("tr", {}, heading(pair, 0), heading(pair, 1))));
    else table.append(element("thead", {}, element("tr", {}, heading(pair, 0)), element("tr", {}, heading(pair, 1))));
    const body = element("tbody");
    let left = 0, right = 0, equal = [], hunk = [];
    const flushHunk = () => {
      if (isWide) body.append(...hunk.map(({ before, after }) => element("tr", {}, ...before, ...after)));
      else for (const side of ["before", "after"]) body.append(...hunk.filter((row) => row[`has_${side}`]).map((row) => element("tr", {}, ...row[side])));
      hunk = [];
    };
    const flushEqual = (isLast) => {
      const isFirst = !body.children.length;
      const head = isFirst ? 0 : CONTEXT, tail = isLast ? 0 : CONTEXT;
      const hidden = equal.length - head - tail;
      if (hidden < 3) body.append(...equal);
      else {
        const folded = equal.slice(head, equal.length - tail);
        const button = element("button", { type: "button", text: `${hidden} equal lines` });
        const fold = element("tr", { class: "fold" }, element("td", { colspan: isWide ? 4 : 2 }, button));
        button.addEventListener("click", () => fold.replaceWith(...folded));
        body.append(...equal.slice(0, head), fold, ...(tail ? equal.slice(-tail) : []));
      }
      equal = [];
    };
    for (const [before, after] of pair.diff) {
      if (before && !after && before.length === 1) {
        flushHunk();
        const cells = line(before, ++left, "left", "");
        right += 1;
        equal.push(element("tr", {}, ...cells, ...(isWide ? line(before, right, "right", "") : [])));
      } else {
        if (equal.length) flushEqual(false);
        hunk.push({
          before: line(before, before && ++left, "left", "−"), has_before: Boolean(before),
          after: line(after, after && ++right, "right", "+"), has_after: Boolean(after),
        });
      }
    }
    flushHunk();
    flushEqual(true);
    table.append(body);
    return table;
  }

  if (data.pairs.length) {
    document.getElementById("browser").hidden = false;
    fill(byId("cwe"), ["all", ...distinct("cwe")]);
    fill(byId("language"), ["all", ...distinct("language")]);
    fill(byId("outcome"), Object.keys(OUTCOMES));
    fill(byId("order"), Object.keys(ORDERS));
    document.querySelector(".filters").addEventListener("input", refresh);
    document.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
    list.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) select(Number(button.dataset.index));
    });
    list.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const place = shown.findIndex(({ index }) => index === current) + step;
      if (shown[place]) select(shown[place].index), list.querySelector("[aria-current=true]").focus();
    });
    document.addEventListener("pair", (event) => {
      if (!shown.some(({ index }) => index === event.detail)) document.querySelector(".filters").reset(), refresh();
      select(event.detail);
      document.getElementById("pairs").scrollIntoView();
    });
    refresh();
    let width = view.clientWidth;
    new ResizeObserver(() => Math.abs(view.clientWidth - width) > 30 && ((width = view.clientWidth), draw())).observe(view);
  }
  document.documentElement.dataset.ready = "true";
})();
