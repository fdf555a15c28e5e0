// Reads single values out of the charts: a crosshair that follows the pointer or the arrow keys.
"use strict";
(() => {
  const spread = {
    linear: (v) => v,
    log: (v, axis) => Math.log10(Math.max(v, axis.min)),
    nines: (v) => -Math.log10(Math.max(1 - v / 100, 1e-12)),
  };
  const position = (axis, v) => {
    const f = spread[axis.scale];
    const low = f(axis.min, axis);
    return Math.min(1, Math.max(0, (f(v, axis) - low) / (f(axis.max, axis) - low)));
  };
  const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
  const digits = (v) => (v < 9.995 ? v.toFixed(2) : v < 99.95 ? v.toFixed(1) : whole.format(Math.round(v)));
  const show = {
    us: (v) => (v < 999.5 ? Math.round(v) + " µs" : v < 999500 ? digits(v / 1e3) + " ms" : digits(v / 1e6) + " s"),
    count: (v) => whole.format(v),
    per_s: (v) => whole.format(v) + "/s",
    percent: (v) => digits(v) + " %",
    octets: (v) => {
      const units = ["octets", "KiB", "MiB", "GiB"];
      let step = 0;
      while (v >= 1024 && step < units.length - 1) [v, step] = [v / 1024, step + 1];
      return digits(v) + " " + units[step];
    },
    bit_s: (v) => {
      const units = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"];
      let step = 0;
      while (v >= 1000 && step < units.length - 1) [v, step] = [v / 1000, step + 1];
      return digits(v) + " " + units[step];
    },
  };
  const two = (n) => String(n).padStart(2, "0");
  const when = (axis, x) => {
    if (axis.scale === "nines") return "percentile " + Number(x.toFixed(5));
    const s = Math.round(x), h = Math.floor(s / 3600), m = Math.floor((s % 3600) / 60);
    return h > 0 ? h + ":" + two(m) + ":" + two(s % 60) : m + ":" + two(s % 60);
  };
  const element = (parent, tag, name) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    parent.append(made);
    return made;
  };

  const charts = [];
  for (const figure of document.querySelectorAll("figure.chart")) {
    const source = figure.querySelector("script");
    if (!source) continue; // A heat map, or marks: they have no lines to read.
    const data = JSON.parse(source.textContent);
    const plot = figure.querySelector(".plot");
    const stops = [...new Set(data.series.flatMap((s) => s.x))].sort((a, b) => a - b);
    const voice = element(figure, "p", "away");
    voice.setAttribute("aria-live", "polite");
    const chart = { data, plot, stops, voice, at: -1, marks: [] };
    charts.push(chart);

    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      let best = 0;
      let nearest = Infinity;
      stops.forEach((x, i) => {
        const away = Math.abs(position(data.x, x) - share);
        if (away < nearest) [nearest, best] = [away, i];
      });
      read(chart, best);
    });
    plot.addEventListener("pointerleave", clear);
    plot.addEventListener("blur", clear);
    plot.addEventListener("keydown", (event) => {
      const last = stops.length - 1;
      const to = { ArrowRight: chart.at + 1, ArrowLeft: chart.at < 0 ? last : chart.at - 1, Home: 0, End: last }[event.key];
      if (event.key === "Escape") clear();
      if (to === undefined) return;
      event.preventDefault();
      const text = read(chart, Math.min(last, Math.max(0, to)));
      voice.textContent = text;
    });
  }

  // One ladder at a time; a link to one chooses it.
  const choice = document.getElementById("ladder-choice");
  const ladders = [...document.querySelectorAll(".ladder")];
  const choose = () => ladders.forEach((ladder) => { ladder.hidden = ladder.id !== "ladder-" + choice.value; });
  if (choice) {
    choice.closest(".choose").hidden = false;
    choice.addEventListener("change", choose);
    choose();
  }

  // A table that is wider than the page can be scrolled by keyboard; one that is not needs no stop there.
  const fit = () => document.querySelectorAll(".wide").forEach((wide) => {
    if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
    else wide.removeAttribute("tabindex");
  });
  addEventListener("resize", fit);
  document.addEventListener("toggle", fit, true);
  fit();

  // A link to a section that is folded unfolds it.
  const unfold = () => {
    const ladder = ladders.find((ladder) => "#" + ladder.id === location.hash);
    if (ladder) {
      choice.value = ladder.id.slice("ladder-".length);
      choose();
      ladder.scrollIntoView();
      ladder.focus({ preventScroll: true });
    }
    const folded = location.hash.length > 1 && document.getElementById(location.hash.slice(1))?.querySelector("details");
    if (folded) folded.open = true;
    fit();
  };
  addEventListener("hashchange", unfold);
  unfold();

  function clear() {
    for (const chart of charts) {
      chart.marks.forEach((mark) => mark.remove());
      chart.marks = [];
    }
  }

  function cross(chart, x) {
    const line = element(chart.plot, "div", "cross");
    line.style.left = 100 * position(chart.data.x, x) + "%";
    chart.marks.push(line);
  }

  // Marks the values at one stop, and the same instant in the other charts over time.
  function read(chart, stop) {
    clear();
    chart.at = stop;
    const { data, plot } = chart;
    const x = chart.stops[stop];
    for (const other of charts) {
      if (other.data.x.scale === data.x.scale && (other === chart || data.x.scale === "linear")) cross(other, x);
    }
    const left = position(data.x, x);
    const tip = element(plot, "div", "tip");
    element(tip, "b").textContent = when(data.x, x);
    const table = element(tip, "table");
    let text = when(data.x, x);
    for (const series of data.series) {
      let i = 0;
      series.x.forEach((at, k) => { if (Math.abs(at - x) < Math.abs(series.x[i] - x)) i = k; });
      const known = data.x.scale === "nines" || Math.abs(series.x[i] - x) < series.gap;
      const value = known ? show[data.unit](series.y[i]) : "—";
      const row = element(table, "tr", series.tone);
      const name = element(row, "td");
      element(name, "i");
      name.append(series.name);
      const cell = element(row, "td", "n");
      cell.textContent = value;
      text += ", " + series.name + " " + value;
      if (!known) continue;
      const dot = element(plot, "div", "dot " + series.tone);
      dot.style.left = 100 * position(data.x, series.x[i]) + "%";
      dot.style.bottom = "calc(" + 100 * position(data.y, series.y[i]) + "% - 9px)";
      dot.style.margin = "0 0 4.5px -4.5px";
      chart.marks.push(dot);
    }
    const room = plot.clientWidth;
    const at = left * room;
    const width = tip.offsetWidth;
    tip.style.left = Math.max(0, Math.min(room - width, at + 14 + width > room ? at - width - 14 : at + 14)) + "px";
    chart.marks.push(tip);
    return text;
  }
})();
