// Draws the plots of the page from its JSON. Nothing else of the page needs it.
//
// For checks (scripts/check-report) the document's element says how it went: data-plots (plots there are), data-drawn
// (canvases with something on them), data-errors (what went wrong), data-overflow (pixels that the page is too wide).
"use strict";
(() => {
  const root = document.documentElement;
  const errors = [];
  const failed = (what) => { errors.push(String(what)); root.dataset.errors = errors.join("; "); };
  addEventListener("error", (event) => failed(event.message));
  document.addEventListener("securitypolicyviolation", (event) => failed("blocked: " + event.blockedURI));

  const report = JSON.parse(document.getElementById("report").textContent);
  const ticks = report.series;
  const colour = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();

  const digits = (value) => value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
  const ends = (text) => text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  const time = (us) => us == null ? "-" : us < 999.5 ? digits(us) + " µs" : us < 999500 ? digits(us / 1e3) + " ms" : digits(us / 1e6) + " s";
  const shortTime = (us) => us == null ? null : us < 1e3 ? ends(digits(us)) + " µs" : us < 1e6 ? ends(digits(us / 1e3)) + " ms" : ends(digits(us / 1e6)) + " s";
  const number = (value) => value == null ? "-" : Math.round(value).toLocaleString("en");
  const percent = (value) => value == null ? "-" : (value * 100).toFixed(0) + " %";
  const mib = (value) => value == null ? "-" : digits(value) + " MiB";
  const clock = (s) => s == null ? "-" : s < 120 ? ends(s.toFixed(1)) + " s" : Math.floor(s / 60) + ":" + String(Math.round(s % 60)).padStart(2, "0");
  const positive = (value) => value > 0 ? value : null;

  // Seconds that each tick lasted, and the phases as spans.
  const took = ticks.map((tick, i) => { const d = tick.at_s - (i ? ticks[i - 1].at_s : 0); return d > 0 ? d : 1; });
  const phases = [];
  ticks.forEach((tick, i) => {
    const last = phases[phases.length - 1];
    if (last && last.name === tick.phase) last.to = tick.at_s;
    else phases.push({ name: tick.phase, from: last ? last.to : tick.at_s - took[i], to: tick.at_s });
  });

  // All of the run is shown from its very beginning; a part of it as it was chosen.
  const all = { time: false, range: (u, min, max) => min === ticks[0].at_s ? [0, max] : [min, max] };

  const line = (label, stroke, more) => Object.assign({ label, stroke: () => colour(stroke), width: 1.75, points: { show: false } }, more);

  // Phases are shaded under the grid, and named over it.
  const shade = (under) => (u) => {
    const { left, top, width, height } = u.bbox;
    const ctx = u.ctx, dpr = devicePixelRatio || 1;
    ctx.save();
    ctx.beginPath(); ctx.rect(left, top, width, height); ctx.clip();
    ctx.font = 11 * dpr + "px system-ui, sans-serif"; ctx.textBaseline = "top"; ctx.textAlign = "left";
    for (const phase of phases) {
      const from = Math.max(u.valToPos(phase.from, "x", true), left), to = Math.min(u.valToPos(phase.to, "x", true), left + width);
      if (to <= from) continue;
      if (under && phase.name !== "run") { ctx.fillStyle = colour("shade"); ctx.fillRect(from, top, to - from, height); }
      if (!under && to - from > ctx.measureText(phase.name).width + 8 * dpr) { ctx.fillStyle = colour("quiet"); ctx.fillText(phase.name, from + 4 * dpr, top + 3 * dpr); }
    }
    ctx.restore();
  };
  const marks = (u) => {
    const { left, top, width, height } = u.bbox;
    const ctx = u.ctx, dpr = devicePixelRatio || 1;
    ctx.save();
    ctx.beginPath(); ctx.rect(left, top, width, height); ctx.clip();
    ctx.font = 11 * dpr + "px system-ui, sans-serif"; ctx.textBaseline = "bottom"; ctx.textAlign = "left";
    ctx.strokeStyle = ctx.fillStyle = colour("mark"); ctx.lineWidth = dpr; ctx.setLineDash([4 * dpr, 3 * dpr]);
    let free = -Infinity;
    for (const incident of report.chaos) {
      const x = Math.round(u.valToPos(incident.at_s, "x", true)) + .5;
      if (x < left || x > left + width) continue;
      ctx.beginPath(); ctx.moveTo(x, top); ctx.lineTo(x, top + height); ctx.stroke();
      const text = incident.what.length > 24 ? incident.what.slice(0, 23) + "…" : incident.what;
      if (x >= free) { ctx.fillText(text, x + 3 * dpr, top + height - 3 * dpr); free = x + ctx.measureText(text).width + 8 * dpr; }
    }
    ctx.restore();
  };

  const axis = (more) => Object.assign({ stroke: () => colour("quiet"), grid: { stroke: () => colour("grid"), width: 1 }, ticks: { stroke: () => colour("grid"), width: 1 }, font: "12px system-ui, sans-serif" }, more);
  const seconds = { label: "time", value: (u, value) => clock(value) };
  const overTime = (columns, series, values, more) => ({
    data: [ticks.map((tick) => tick.at_s), ...columns.map((column) => ticks.map(column))],
    options: Object.assign({
      scales: { x: all, y: { range: (u, min, max) => [0, max > 0 ? max * 1.08 : 1] } },
      axes: [axis({ values: (u, splits) => splits.map(clock) }), axis({ size: 72, values: (u, splits) => splits.map(values) })],
      series: [seconds, ...series.map((one) => Object.assign({ value: (u, value) => values(value) }, one))],
      cursor: { sync: { key: "time" }, y: false },
      hooks: { drawClear: [shade(true)], draw: [shade(false), marks] },
    }, more),
  });

  // Percentiles stand at 1 / (1 - p): each nine takes the same width.
  const curve = () => {
    const found = [];
    const add = (label, latency) => {
      if (!latency || !latency.count || !latency.curve.length) return;
      const xs = [], ys = [];
      for (const [p, us] of latency.curve) {
        // The largest of n values stands where 1 of n exceeds it no more.
        const x = p >= 100 ? Math.max(latency.count, 1) : 1 / (1 - p / 100);
        if (us > 0 && (!xs.length || x > xs[xs.length - 1])) { xs.push(x); ys.push(us); }
      }
      found.push({ label, data: [xs, ys] });
    };
    for (const [of, latency] of Object.entries(report.latencies)) add(of.replaceAll("_", " "), latency);
    for (const [name, relay] of Object.entries(report.baselines)) add(name + ": delivered", relay.latencies.delivered);
    const name = (x) => x === 2 ? "50" : (100 - 100 / x).toFixed(Math.max(0, Math.round(Math.log10(x)) - 2));
    const strokes = ["a", "b", "c", "d", "g", "e", "f"];
    return {
      data: uPlot.join(found.map((one) => one.data)),
      options: {
        scales: { x: { time: false, distr: 3, log: 10, range: (u, min, max) => [1, Math.max(max, 100)] }, y: { distr: 3, log: 10 } },
        axes: [
          axis({ splits: (u, i, min, max) => [2, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9].filter((x) => x >= min && x <= max), filter: (u, splits) => splits, values: (u, splits) => splits.map((x) => x == null ? null : name(x) + " %") }),
          axis({ size: 72, values: (u, splits) => splits.map(shortTime) }),
        ],
        series: [
          { label: "percentile", value: (u, x) => x == null ? "-" : (100 - 100 / x).toFixed(x < 100 ? 1 : x < 1e4 ? 3 : 5) + " %" },
          ...found.map((one, i) => line(one.label, strokes[i % strokes.length], { spanGaps: true, value: (u, value) => time(value), dash: i >= Object.keys(report.latencies).length ? [6, 4] : [] })),
        ],
      },
    };
  };

  const makers = {
    latency: () => overTime([(t) => positive(t.p50_us), (t) => positive(t.p99_us), (t) => positive(t.max_us)], [line("p50", "a"), line("p99", "b"), line("max", "c", { dash: [6, 3] })], time, {
      scales: { x: all, y: { distr: 3, log: 10 } },
      axes: [axis({ values: (u, splits) => splits.map(clock) }), axis({ size: 72, values: (u, splits) => splits.map(shortTime) })],
    }),
    curve,
    throughput: () => overTime(["sent", "acknowledged", "delivered"].map((key) => (t, i) => t[key] / took[i]), [line("sent/s", "f", { dash: [6, 3] }), line("acknowledged/s", "a"), line("delivered/s", "b", { dash: [2, 3] })], number),
    sessions: () => overTime([(t) => t.sessions, (t) => t.errors], [line("logged in", "a"), line("errors", "b")], number),
    cpu: () => overTime([...(ticks.some((t) => t.server_kib > 0) ? [(t, i) => t.server_cpu_ms / 1e3 / took[i]] : []), (t, i) => t.generator_cpu_ms / 1e3 / took[i]], [...(ticks.some((t) => t.server_kib > 0) ? [line("server", "a")] : []), line("generator", "b", { dash: [6, 3] })], percent),
    memory: () => overTime([(t) => t.server_kib > 0 ? t.server_kib / 1024 : null], [line("server", "a")], mib),
  };

  const HEIGHT = 260;
  const drawn = [];
  const holders = [...document.querySelectorAll(".plot")];
  root.dataset.plots = holders.length;
  root.dataset.errors = "";
  for (const holder of holders) {
    try {
      const { data, options } = makers[holder.dataset.plot]();
      const plot = new uPlot(Object.assign({ width: Math.max(holder.clientWidth, 100), height: HEIGHT }, options), data, holder);
      const canvas = plot.root.querySelector("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", holder.dataset.label);
      drawn.push({ holder, plot });
    } catch (error) { failed(holder.dataset.plot + ": " + error); }
  }

  const fit = (width) => drawn.forEach(({ holder, plot }) => plot.setSize({ width: Math.max(width || holder.clientWidth, 100), height: HEIGHT }));
  new ResizeObserver(() => fit()).observe(document.body);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach(({ plot }) => plot.redraw()));
  addEventListener("beforeprint", () => fit(680));
  addEventListener("afterprint", () => fit());

  // A canvas is drawn when a line is on it: lines have a hue, axes and texts are grey.
  const isDrawn = ({ plot }) => {
    const canvas = plot.root.querySelector("canvas");
    const bytes = plot.ctx.getImageData(0, 0, canvas.width, canvas.height).data;
    let hued = 0;
    for (let i = 0; i < bytes.length; i += 4) {
      const most = Math.max(bytes[i], bytes[i + 1], bytes[i + 2]), least = Math.min(bytes[i], bytes[i + 1], bytes[i + 2]);
      if (bytes[i + 3] > 200 && most - least > 60) hued++;
    }
    return hued > 100;
  };
  // The legend tells the values under the pointer: it is put into the middle for once, so that this is tried too.
  const tryLegend = ({ holder, plot }) => {
    plot.setCursor({ left: plot.over.clientWidth / 2, top: 50 });
    const values = [...plot.root.querySelectorAll(".u-value")].map((cell) => cell.textContent);
    if (!values.some((text) => /[0-9]/.test(text)) || values.some((text) => /NaN|undefined/.test(text))) failed(holder.dataset.plot + ": the legend says " + values);
    plot.setCursor({ left: -10, top: -10 });
  };
  const tell = () => {
    try {
      drawn.forEach(tryLegend);
      root.dataset.drawn = drawn.filter(isDrawn).length;
      root.dataset.overflow = Math.max(0, root.scrollWidth - root.clientWidth);
    } catch (error) { failed(error); }
  };
  requestAnimationFrame(() => setTimeout(tell, 0));
})();
