// The picture of memory over time: layers up to the resident line, the limit, the levels as
// faint bands, cells in a lane above. It draws what it is given and keeps nothing.

const CHART = { height: 280, left: 64, right: 78, top: 44, bottom: 24, lane: 16 };
// Samples further apart than this are not joined: nobody measured in between.
const GAP_S = 15;
// A limit further above the memory than this is told in words: it would press all flat.
const LIMIT_IN_VIEW = 4;
const LABEL_WIDTH = 7;
const TICKS_S = [15, 60, 180, 600];

// Layers differ by pattern as well as by colour; these are strokes on a tile of 8 by 8.
const PATTERNS = [
  "", "M0 8L8 0", "M0 4H8", "M4 0V8", "M0 0L8 8", "M2 2h1M6 6h1", "M0 4H8M4 0V8", "M0 0L8 8M0 8L8 0",
];

function patternOf(at) {
  return PATTERNS[at % PATTERNS.length];
}

function makePatterns(prefix, parts) {
  return makeSvg("defs", {}, ...parts.map(([, , hue], at) => makeSvg(
    "pattern", { id: `${prefix}-${at}`, width: 8, height: 8, patternUnits: "userSpaceOnUse" },
    makeSvg("rect", { width: 8, height: 8, fill: hue }),
    makeSvg("path", { d: patternOf(at), class: "pmat-hatch" }),
  )));
}

// From zero to a round figure above `most`, in steps that read well in powers of 1024.
function axisOf(most) {
  const unit = 1024 ** Math.max(0, Math.floor(Math.log(Math.max(most, 1) / 1.2) / Math.log(1024)));
  const rough = most / unit / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].find((one) => one * power >= rough) * power * unit;
  const count = Math.ceil(most / step);
  return { top: count * step, ticks: Array.from({ length: count + 1 }, (_, at) => at * step) };
}

// data: { at, rss, limit: [], layers: [{ key, tops: [] }], cells, running, marks, bounds, now,
// span_s }; layers from below, tops as sums. Gives { x, nearest } for the readout.
function drawChart(svg, data, parts, prefix, width, hues) {
  const { height, left, right, top, bottom, lane } = CHART;
  const limit = data.limit.at(-1) ?? null;
  const highest = Math.max(...data.rss.filter(Number.isFinite), 1);
  const limitShown = limit !== null && limit <= highest * LIMIT_IN_VIEW;
  const axis = axisOf(Math.max(highest * 1.1, limitShown ? limit * 1.04 : 0));
  const floor = height - bottom;
  const x = (at) => left + (width - left - right) * (1 - (data.now - at) / data.span_s);
  const y = (bytes) => floor - (floor - top) * Math.min(1, Math.max(0, bytes / axis.top));
  const end = width - right;
  const box = { x, y, left, end, top, floor, lane, width, most: axis.top };

  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren(
    makePatterns(prefix, parts),
    makeSvg("g", { class: "pmat-bands" }, ...bands(data, limitShown ? limit : null, box, hues)),
    makeSvg("g", { class: "pmat-axis" }, ...axes(data, axis, box)),
    makeSvg("g", { class: "pmat-layers" }, ...layers(data, box, prefix, parts)),
    makeSvg("g", { class: "pmat-cells" }, ...cellLane(data, box), ...marks(data, box)),
    makeSvg("path", { class: "pmat-rss", d: joined(data.at, data.rss, x, y) }),
    ...limitLine(data, limit, limitShown, box, hues),
  );
  return box;
}

function label(x, y, words, attributes = {}) {
  return makeSvg("text", { x: x.toFixed(1), y: y.toFixed(1), ...attributes }, words);
}

// A line through known values, broken where there is none or nobody measured.
function joined(at, values, x, y) {
  let d = "";
  let last = null;
  values.forEach((value, i) => {
    if (value === null || value === undefined) {
      last = null;
      return;
    }
    const step = last === null || at[i] - last > GAP_S ? "M" : "L";
    d += `${step}${x(at[i]).toFixed(1)} ${y(value).toFixed(1)}`;
    last = at[i];
  });
  return d;
}

function bands(data, limit, { y, left, end }, hues) {
  if (limit === null) return [];
  return data.bounds.flatMap(([level, enter], i) => {
    const next = data.bounds[i + 1];
    const low = y(enter * limit);
    const high = y(next ? next[1] * limit : limit);
    if (low - high < 1) return [];
    const found = [makeSvg("rect", {
      x: left, y: high.toFixed(1), width: end - left, height: (low - high).toFixed(1),
      fill: hues[level] ?? "gray", "data-level": level,
    })];
    if (low - high >= 12) found.push(label(end + 6, low - 2, level, { class: "pmat-level" }));
    return found;
  });
}

function axes(data, axis, { x, y, left, end, floor }) {
  const rows = axis.ticks.flatMap((bytes) => [
    makeSvg("path", { d: `M${left} ${y(bytes).toFixed(1)}H${end}` }),
    label(left - 6, y(bytes) + 4, bytes ? bytesText(bytes) : "0", { "text-anchor": "end" }),
  ]);
  const every = TICKS_S.find((one) => data.span_s / one <= 6);
  const agos = Array.from({ length: Math.floor(data.span_s / every) + 1 }, (_, at) => at * every);
  const columns = agos.map((ago) => label(
    x(data.now - ago), floor + 16, ago ? `−${secondsText(ago)}` : "now", { "text-anchor": "middle" },
  ));
  return [...rows, ...columns];
}

// Each layer from the one below up to its own top, and never above the resident line.
function layers(data, { x, y, floor }, prefix, parts) {
  return data.layers.map(({ key, tops }, at) => {
    const below = at ? data.layers[at - 1].tops : null;
    let d = "";
    let start = 0;
    for (let i = 0; i <= data.at.length; i += 1) {
      const over = i === data.at.length;
      const broken = !over && i > start && data.at[i] - data.at[i - 1] > GAP_S;
      if (!over && !broken) continue;
      const back = [];
      for (let j = start; j < i; j += 1) {
        const place = x(data.at[j]).toFixed(1);
        d += `${j === start ? "M" : "L"}${place} ${y(tops[j]).toFixed(1)}`;
        back.unshift(`L${place} ${(below ? y(below[j]) : floor).toFixed(1)}`);
      }
      if (i > start) d += `${back.join("")}Z`;
      start = i;
    }
    const index = parts.findIndex(([name]) => name === key);
    return makeSvg("path", { d, fill: `url(#${prefix}-${index})`, "data-part": key });
  });
}

function cellLane(data, { x, left, end, floor, lane, width }) {
  const shown = data.running ? [...data.cells, [...data.running, data.now]] : data.cells;
  return shown.flatMap(([name, started, ended], at) => {
    const from = Math.max(left, x(started));
    const to = Math.min(end, x(ended));
    if (to < left || from > end) return [];
    const runs = data.running !== null && at === shown.length - 1;
    const found = [makeSvg("rect", {
      x: from.toFixed(1), y: 2, width: Math.max(1.5, to - from).toFixed(1), height: lane,
      class: runs ? "pmat-runs" : "pmat-ran", "data-cell": name,
    })];
    for (const edge of [x(started), x(ended)]) {
      if (edge < left || edge >= end) continue;
      found.push(makeSvg("path", { d: `M${edge.toFixed(1)} ${lane + 2}V${floor}` }));
    }
    // A label reaches beyond its cell, but not into the next one.
    const words = runs ? `${name} …` : name;
    const room = (at + 1 < shown.length ? Math.min(end, x(shown[at + 1][1])) : width - 2) - from;
    if (words.length * LABEL_WIDTH <= room) found.push(label(from + 3, lane - 2, words));
    return found;
  });
}

// Their words in two rows, where they do not run into those before.
function marks(data, { x, left, lane, floor, end }) {
  const free = [left, left];
  return data.marks.flatMap(([at, , words]) => {
    const place = x(at);
    if (place < left || place > end) return [];
    const found = [
      makeSvg("path", { class: "pmat-mark", d: `M${place.toFixed(1)} ${lane + 4}V${floor}` }),
    ];
    const long = words.length * LABEL_WIDTH;
    const from = place + 4 + long > end ? place - 4 - long : place + 4;
    const row = free.findIndex((one) => from >= one);
    if (row < 0) return found;
    free[row] = from + long;
    found.push(label(from, lane + 13 + row * 11, words, { class: "pmat-mark" }));
    return found;
  });
}

function limitLine(data, limit, shown, { x, y, end, top, most }, hues) {
  if (limit === null) return [];
  if (!shown) {
    return [label(end + 6, top + 4, "limit"), label(end + 6, top + 18, `${bytesText(limit)} ↑`)];
  }
  // Where it was beyond the picture there is no line.
  const seen = data.limit.map((one) => (one !== null && one <= most ? one : null));
  return [
    makeSvg("path", { class: "pmat-limit", stroke: hues.limit, d: joined(data.at, seen, x, y) }),
    label(end + 6, y(limit) + 4, "limit", { class: "pmat-limit" }),
    label(end + 6, y(limit) + 17, bytesText(limit), { class: "pmat-limit" }),
  ];
}
