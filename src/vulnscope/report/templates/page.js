// Shared by the other scripts: the data of the page, element building, the tooltip and the theme.
"use strict";
const vulnscope = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);

  // Text always goes in as text: nothing from the record is ever parsed as HTML.
  function element(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "text") node.textContent = value;
      else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== null));
    return node;
  }

  const signed = (value) => (value > 0 ? "+" : "") + value.toFixed(2).replace("-", "−");
  // An answer with the log-odds that decided it; the margin takes a second question and may point the other way.
  const told = (says, decided) => `says ${says === "fixed" ? "secure" : says}${decided === null ? "" : `, log-odds ${signed(decided)}`}`;

  const tip = document.getElementById("tip");
  function showTip(target) {
    tip.textContent = target.dataset.tip;
    tip.hidden = false;
    target.setAttribute("aria-describedby", "tip");
    const box = target.getBoundingClientRect();
    const left = Math.min(Math.max(box.left, 12), window.innerWidth - tip.offsetWidth - 12);
    const above = box.top - tip.offsetHeight - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 4 ? above : box.bottom + 8}px`;
  }
  function hideTip() {
    tip.hidden = true;
    for (const node of document.querySelectorAll("[aria-describedby=tip]")) node.removeAttribute("aria-describedby");
  }
  const tipped = (event) => event.target instanceof Element && event.target.closest("[data-tip]");
  for (const [enter, leave] of [["pointerover", "pointerout"], ["focusin", "focusout"]]) {
    document.addEventListener(enter, (event) => tipped(event) && showTip(tipped(event)));
    document.addEventListener(leave, (event) => tipped(event) && hideTip());
  }
  document.addEventListener("keydown", (event) => event.key === "Escape" && hideTip());
  document.addEventListener("scroll", hideTip, { passive: true, capture: true });

  const themes = ["auto", "light", "dark"];
  const button = document.getElementById("theme");
  button.hidden = false;
  button.addEventListener("click", () => {
    const root = document.documentElement;
    const next = themes[(themes.indexOf(root.dataset.theme ?? "auto") + 1) % themes.length];
    if (next === "auto") delete root.dataset.theme;
    else root.dataset.theme = next;
    button.textContent = `Theme: ${next}`;
  });

  function note(figure, text) {
    if (text) figure.append(element("p", { class: "chart-note", text }));
  }

  // Draws each chart into the figure of its name, to its width, and again when that changes.
  function drawCharts(charts) {
    for (const [name, draw] of Object.entries(charts)) {
      const figure = document.getElementById(`chart-${name}`);
      if (!figure) continue;
      let drawn = 0;
      const redraw = () => {
        const width = Math.floor(figure.clientWidth);
        if (!width || width === drawn) return;
        drawn = width;
        for (const old of figure.querySelectorAll(".plot, .chart-note")) old.remove();
        const result = draw(width, figure);
        const { chart, text } = result instanceof Element || !result ? { chart: result } : result;
        if (chart) figure.append(chart);
        else if (!figure.querySelector(".chart-note")) note(figure, "No figure here could be measured.");
        note(figure, text);
      };
      redraw();
      new ResizeObserver(redraw).observe(figure);
    }
  }

  return { data, element, signed, told, note, drawCharts };
})();
